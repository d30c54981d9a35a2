(module
  ;;! config calls
  (memory 1)
  (global $g (mut i32) (i32.const 0))
  (func $other)

  ;; The same value once, in whatever order the operands come, and in blocks that the first one dominates.
  (func (param i32 i32) (result i32)
    (local i32)
    (local.set 2 (i32.mul (local.get 0) (local.get 1)))
    (if (result i32) (local.get 0)
      (then (i32.mul (local.get 1) (local.get 0)))
      (else (local.get 2))))
  ;;! body 1
  ;;! count 1 i32.mul

  ;; But not between arms that do not dominate each other.
  (func (param i32 i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.mul (local.get 0) (local.get 1)))
      (else (i32.add (i32.const 1) (i32.mul (local.get 0) (local.get 1))))))
  ;;! body 2
  ;;! count 2 i32.mul

  ;; A load is found again until somebody writes; what was stored is known.
  (func (param i32) (result i32)
    (i32.add
      (i32.add (i32.load (local.get 0)) (i32.load (local.get 0)))
      (block (result i32)
        (i32.store offset=8 (local.get 0) (i32.const 42))
        (i32.add (i32.load (local.get 0)) (i32.load offset=8 (local.get 0))))))
  ;;! body 3
  ;;! count 2 i32.load
  ;;! has i32.store v0+8, 42i32
  ;;! has 42i32

  ;; A write to memory says nothing of globals, nor one global of another; a call says everything.
  (func (param i32) (result i32)
    (global.set $g (i32.const 5))
    (i32.store (local.get 0) (local.get 0))
    (i32.add (global.get $g) (i32.const 1)))
  ;;! body 4
  ;;! has return 6i32
  (func (result i32)
    (global.set $g (i32.const 5))
    (call $other)
    (global.get $g))
  ;;! body 5
  ;;! has ctx.load.i32

  ;; A narrow store does not say what a wide load gives.
  (func (param i32) (result i32)
    (i32.store8 (local.get 0) (i32.const 1))
    (i32.load8_u (local.get 0)))
  ;;! body 6
  ;;! has i32.load8_u

  ;; What is masked only to be stored narrowly is stored as it is.
  (func (param i32 i32)
    (i32.store8 (local.get 0) (i32.and (local.get 1) (i32.const 255))))
  ;;! body 7
  ;;! has i32.store8 v0, v1
  ;;! not i32.and
)
