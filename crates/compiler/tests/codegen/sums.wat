(module
  (memory 1)
  (global $sp (mut i32) (i32.const 1024))

  ;; A sum whose operand lives on is made by `lea`, also where the operand was loaded.
  (func (export "frame") (result i32)
    (local $fp i32)
    (local.set $fp (global.get $sp))
    (i32.store (i32.sub (local.get $fp) (i32.const 16)) (i32.const 1))
    (i32.store (i32.sub (local.get $fp) (i32.const 32)) (i32.const 2))
    (local.get $fp))
  ;; x64: "lea" "-10h]" "mov dword ptr" "lea" "-20h]" "mov dword ptr" !"add"

  ;; The last use may write over it.
  (func (export "last") (param i32 i32) (result i32)
    (i32.mul (i32.add (local.get 0) (local.get 1)) (i32.const 10)))
  ;; x64: "imul"
)
