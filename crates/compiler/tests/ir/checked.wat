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
  ;; A constant behind an index is checked with the index, if that was checked far enough.
  (func (param i32) (result i32)
    (i32.store offset=60 (local.get 0) (i32.const 1))
    (i32.add (i32.load offset=16 (i32.add (local.get 0) (i32.const 44))) (i32.load offset=17 (i32.add (local.get 0) (i32.const 44)))))
  ;;! body 2
  ;;! count 2 mem.check
  ;;! has mem.check v0+64
  ;;! has mem.check v0+65
  ;; A check at the start of a loop is made before it, if the length stays as it is.
  (func (param i32 i32) (result i32)
    (local i32)
    (loop $l
      (local.set 2 (i32.add (local.get 2) (i32.load (local.get 1))))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 2))
  ;;! body 3
  ;;! has mem.check v1+4
  ;;! has i32.load v1 checked
  ;;! has jump block1
  ;; A further one needs its own.
  (func (param i32) (result i32)
    (i32.add (i32.load (local.get 0)) (i32.load offset=8 (local.get 0))))
  ;;! body 4
  ;;! count 2 mem.check
)
