(module
  ;;! config checked calls
  (memory 1)
  ;; One check of the furthest access is enough for nearer ones, also behind a call that may grow the memory.
  (func $f)
  (func (param i32) (result i32)
    (i32.store offset=8 (local.get 0) (i32.const 1))
    (call $f)
    (i32.load (local.get 0)))
  ;;! body 1
  ;;! count 1 mem.check
  ;;! has mem.check v0+12
  ;;! has i32.store v0+8, 1i32 checked
  ;;! has i32.load v0 checked
  ;; A further one needs its own.
  (func (param i32) (result i32)
    (i32.add (i32.load (local.get 0)) (i32.load offset=8 (local.get 0))))
  ;;! body 2
  ;;! count 2 mem.check
)
