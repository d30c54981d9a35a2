(module
  (memory 1)
  (func $f (param i32))
  ;; A constant within what was accessed already cannot wrap: it becomes part of the offset.
  (func (param i32) (result i32)
    (i32.store offset=16 (local.get 0) (i32.const 1))
    (i32.load offset=4 (i32.add (local.get 0) (i32.const 19))))
  ;;! body 1
  ;;! has i32.store v0+16
  ;;! has i32.load v0+23
  ;;! not i32.add
  ;; One byte further it may.
  (func (param i32) (result i32)
    (i32.store offset=16 (local.get 0) (i32.const 1))
    (i32.load offset=4 (i32.add (local.get 0) (i32.const 20))))
  ;;! body 2
  ;;! has i32.add v0, 20i32
  ;; So it is for what lies in a frame, whose start is a sum itself; a call changes nothing.
  (func (param i32) (result i32)
    (i32.store offset=60 (i32.sub (local.get 0) (i32.const 64)) (i32.const 1))
    (call $f (i32.const 1))
    (i32.add
      (i32.load (i32.sub (local.get 0) (i32.const 32)))
      (i32.load (i32.sub (local.get 0) (i32.const 80)))))
  ;;! body 3
  ;;! count 1 -64i32
  ;;! not -32i32
  ;;! has +32
  ;;! has -80i32
  ;; An access on another way says nothing.
  (func (param i32 i32) (result i32)
    (if (local.get 1) (then (i32.store offset=16 (local.get 0) (i32.const 1))))
    (i32.load (i32.add (local.get 0) (i32.const 4))))
  ;;! body 4
  ;;! has i32.add v0, 4i32
  ;; What was loaded is found by both addresses.
  (func (param i32) (result i32) (local i32)
    (local.set 1 (i32.load (i32.add (local.get 0) (i32.const 8))))
    (i32.add (i32.add (local.get 1) (i32.load offset=16 (local.get 0)))
      (i32.load (i32.add (local.get 0) (i32.const 8)))))
  ;;! body 5
  ;;! count 2 i32.load
)
