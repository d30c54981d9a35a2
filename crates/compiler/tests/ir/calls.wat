(module
  ;;! config calls
  (type $t (func (param i32) (result i32)))
  (import "m" "f" (func $imported (param i32) (result i32)))
  (table 4 funcref)
  (func $pair (param i32) (result i32 i64) (local.get 0) (i64.const 1))
  (elem declare func $pair)

  (func (param i32) (result i32)
    (call $imported (local.get 0)) (call $pair) (drop))
  ;;! body 1
  ;;! has call_import.i32 fn0(v0) sig
  ;;! has : call fn1(
  ;;! has result.i32

  ;; The checks of an indirect call are instructions: the second call needs only what the first may have changed.
  (func (param i32) (result i32)
    (i32.add (call_indirect (type $t) (local.get 0) (local.get 0)) (i32.const 1)))
  ;;! body 2
  ;;! has i64.extend_i32_u v0
  ;;! has trapz
  ;;! has , 4
  ;;! has trapnz
  ;;! has , 5
  ;;! has trapnz
  ;;! has , 6
  ;;! has call_ref.i32

  (func (param i32) (result i32) (return_call $imported (local.get 0)))
  ;;! body 3
  ;;! has return_call_import fn0(v0) sig
  (func (param i32) (result i32) (return_call_indirect (type $t) (local.get 0) (local.get 0)))
  ;;! body 4
  ;;! has return_call_ref

  (func (result funcref funcref) (ref.func $pair) (ref.null func))
  ;;! body 5
  ;;! has ctx.addr
  ;;! has 0i64
)
