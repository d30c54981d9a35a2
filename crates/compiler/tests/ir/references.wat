(module
  ;;! config references calls
  (type $t (func (param i32) (result i32)))
  (type $open (sub (func (result i32))))
  (table 4 funcref)
  (func (param i32 (ref null $t)) (result i32) (call_ref $t (local.get 0) (local.get 1)))
  ;;! has i64.eqz v1
  ;;! has trapnz
  ;;! has , 13
  ;;! has call_ref.i32 v1(v0) sig0
  (func (param i32 (ref null $t)) (result i32)
    (block $null
      (return_call_ref $t (local.get 0) (br_on_null $null (local.get 1))))
    (i32.const 3))
  ;;! body 1
  ;;! has br_if v2, block2, block1
  ;;! has return_call_ref v1(v0)
  ;; A type that others may extend asks the runtime.
  (func (param i32) (result i32) (call_indirect (type $open) (local.get 0)))
  ;;! body 2
  ;;! has builtin.i32 type.extends(
  ;;! has trapz
)
