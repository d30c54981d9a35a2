(module
  ;; What a loop sets to what it was is no parameter of it after the passes.
  (func (param i32 i32) (result i32)
    (loop $l
      (local.set 1 (local.get 1))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  ;;! has block1(v4: i32)
  ;;! has return v1

  ;; What nobody needs goes with its arguments, also round a loop.
  (func (param i32 i32) (result i32)
    (loop $l
      (local.set 1 (i32.mul (local.get 1) (i32.const 3)))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 0))
  ;;! body 1
  ;;! not i32.mul
)
