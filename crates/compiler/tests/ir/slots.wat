(module
  ;;! config slots
  (func (param i32) (result i32) (local i64 i32)
    (local.set 2 (i32.add (local.get 0) (i32.const 1)))
    (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 2))
  ;;! has slots (i32, i64, i32)
  ;;! has slot.store 0, v0
  ;;! has slot.load.i32 0
  ;;! has slot.store 2,
  ;;! has slot.load.i32 2
)
