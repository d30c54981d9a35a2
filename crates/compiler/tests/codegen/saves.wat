(module
  ;; A way out that needs none of the caller's registers saves and restores none.
  (func $work (export "work") (param i32 i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 7))))
    (i32.add
      (i32.mul (call $work (i32.sub (local.get 0) (i32.const 1)) (local.get 1)) (local.get 1))
      (i32.xor (call $work (i32.shr_u (local.get 0) (i32.const 1)) (local.get 0)) (local.get 1))))
  ;; x64: "test edi,edi" "j" "mov [rsp" "call"

  ;; Where every way needs them they are saved first.
  (func (export "always") (param i32 i32) (result i32)
    (local i32)
    (local.set 2 (call $work (local.get 0) (local.get 1)))
    (if (i32.eqz (local.get 0)) (then (return (local.get 2))))
    (local.get 1))
  ;; x64: "mov [rsp" "call" "ret"
)
