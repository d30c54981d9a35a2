(module
  ;;! config calls
  (memory 1)
  (global $sp (mut i32) (i32.const 1024))
  (global $other (mut i32) (i32.const 0))
  ;; A store that another one overwrites before anybody can tell goes.
  (func (param i32)
    (global.set $other (local.get 0))
    (global.set $sp (local.get 0))
    (global.set $sp (i32.const 7)))
  ;;! body 0
  ;;! count 2 ctx.store
  ;; Where something may trap in between the host may look.
  (func (param i32)
    (global.set $sp (local.get 0))
    (i32.store (local.get 0) (i32.const 1))
    (global.set $sp (i32.const 7)))
  ;;! body 1
  ;;! count 2 ctx.store
  ;; So does the store of what is there already, also if that was known before the store that goes.
  (func (param i32) (result i32) (local i32)
    (local.set 1 (i32.sub (global.get $sp) (i32.const 16)))
    (global.set $sp (local.get 1))
    (i32.store (local.get 0) (local.get 1))
    (global.set $sp (i32.add (local.get 1) (i32.const 16)))
    (global.set $sp (local.get 1))
    (i32.store offset=4 (local.get 0) (local.get 1))
    (global.get $sp))
  ;;! body 2
  ;;! count 1 ctx.store
  ;;! count 1 ctx.load
  ;; A call in between needs both.
  (func $f)
  (func (param i32)
    (global.set $sp (local.get 0))
    (call $f)
    (global.set $sp (i32.const 7)))
  ;;! body 4
  ;;! count 2 ctx.store
)
