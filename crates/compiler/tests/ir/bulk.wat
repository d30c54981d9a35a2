(module
  (memory 1)
  (table $t 1 externref)
  (data $d "abc")
  (elem $e externref (ref.null extern))
  (func (param i32 i32 i32)
    (memory.copy (local.get 0) (local.get 1) (local.get 2))
    (memory.fill (local.get 0) (local.get 1) (local.get 2))
    (memory.init $d (local.get 0) (local.get 1) (local.get 2))
    (data.drop $d)
    (table.init $t $e (local.get 0) (local.get 1) (local.get 2))
    (table.copy $t $t (local.get 0) (local.get 1) (local.get 2))
    (elem.drop $e))
  ;;! has builtin memory.copy(0i32, 0i32,
  ;;! has builtin memory.fill(0i32,
  ;;! has builtin memory.init(0i32, 0i32,
  ;;! has builtin data.drop(0i32)
  ;;! has builtin table.init(0i32, 0i32,
  ;;! has builtin table.copy(0i32, 0i32,
  ;;! has builtin elem.drop(0i32)
  (func (param i32 externref) (result i32)
    (table.fill $t (i32.const 0) (local.get 1) (local.get 0))
    (table.set $t (local.get 0) (local.get 1))
    (drop (table.grow $t (local.get 1) (i32.const 1)))
    (i32.add (table.size $t) (i32.add (memory.size) (ref.is_null (table.get $t (local.get 0))))))
  ;;! body 1
  ;;! has builtin table.fill(
  ;;! has ptr.store
  ;;! has builtin.i64 table.grow(0i32, 1i64, v5)
)
