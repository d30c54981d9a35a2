(module
  (memory i64 1)
  (func (param i64) (result i64) (i64.load offset=16 (local.get 0)))
  ;;! has mem.check v0+24
  ;;! has i64.load v0+16 checked
  ;; An offset beyond 32 bits is added first; the sum must not leave 64 bits.
  (func (param i64) (result i64) (i64.load offset=0x100000000 (local.get 0)))
  ;;! body 1
  ;;! has i64.add v0, 4294967296i64
  ;;! has i64.lt_u
  ;;! has trapnz
  ;;! has mem.check
  ;;! has i64.load
  ;;! has checked
  (func (param i64) (result i64) (memory.grow (local.get 0)))
  ;;! body 2
  ;;! has builtin.i64 memory.grow(0i32, v0)
)
