(module
  (memory 1)
  (memory $other 1)
  ;; The guard covers small offsets: the access itself faults.
  (func (param i32) (result i32) (i32.load offset=1000 (local.get 0)))
  ;;! has i32.load v0+1000 @
  ;;! not mem.check
  ;; It does not cover this one.
  (func (param i32) (result i32) (i32.load offset=0xfffffff0 (local.get 0)))
  ;;! body 1
  ;;! has mem.check v0+4294967284,
  ;;! has i32.load v0+4294967280 checked
  ;; Another memory is reached through its pointer.
  (func (param i32) (result i32) (i32.load $other offset=4 (local.get 0)))
  ;;! body 2
  ;;! has ctx.load.i64
  ;;! has ptr.load.i64
  ;;! has i64.add
  ;;! has +4 other native
)
