(module
  (import "m" "g" (global $imported (mut i64)))
  (import "m" "c" (global $constant i32))
  (global $known i32 (i32.const 41))
  (global $own (mut f32) (f32.const 0))
  ;; A global that never changes is its value, or is read once.
  (func (result i32) (i32.add (global.get $known) (i32.const 1)))
  ;;! has return 42i32
  (func (result i32) (i32.add (global.get $constant) (global.get $constant)))
  ;;! body 1
  ;;! count 1 ptr.load.i32
  ;;! has readonly
  (func (param i64 f32) (global.set $imported (local.get 0)) (global.set $own (local.get 1)))
  ;;! body 2
  ;;! has ptr.store
  ;;! has imported_global
  ;;! has ctx.store
  ;;! has global1
)
