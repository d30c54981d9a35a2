(module
  ;;! config calls
  (memory 1)
  (table 10 funcref)
  (global $g (mut i32) (i32.const 3))
  (global $h (mut i32) (i32.const 3))
  (type $t (func (param i32)))
  (func $callee (param i32))
  (elem (i32.const 0) $callee)

  ;; A product of what the loop does not change moves out; a sum with a constant does not.
  (func (param i32 i32 i32) (result i32)
    (local i32)
    (loop $l
      (local.set 3 (i32.add (local.get 3)
        (i32.add (i32.mul (local.get 1) (local.get 2)) (i32.add (local.get 1) (i32.const 8)))))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 3))
  ;;! body 1
  ;;! has block0(
  ;;! has i32.mul v1, v2
  ;;! has jump block1
  ;;! has i32.add v1, 8i32

  ;; A global that the loop does not set is read before it, one that it sets inside.
  (func (param i32)
    (loop $l
      (global.set $h (i32.add (global.get $h) (global.get $g)))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  ;;! body 2
  ;;! count 2 ctx.load.i32
  ;;! has global0
  ;;! has block1
  ;;! has global1

  ;; A load from memory may trap: it moves only if nothing comes before it in the loop, and if nothing is written there.
  (func (param i32 i32) (result i32)
    (local i32)
    (loop $l
      (local.set 2 (i32.add (local.get 2) (i32.load (local.get 1))))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 2))
  ;;! body 3
  ;;! has i32.load v1
  ;;! has jump block1
  (func (param i32 i32)
    (loop $l
      (if (local.get 0) (then (global.set $h (i32.load (local.get 1)))))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  ;;! body 4
  ;;! has jump block1
  ;;! has i32.load v1
  (func (param i32 i32)
    (loop $l
      (i32.store (local.get 0) (i32.load (local.get 1)))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  ;;! body 5
  ;;! has jump block1
  ;;! has i32.load v1

  ;; The table's place is read before the loop; what a call may write is not.
  (func (param i32)
    (loop $l
      (call_indirect (type $t) (local.get 0) (local.get 0))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  ;;! body 6
  ;;! has ctx.load.i64
  ;;! has jump block1
  ;;! has ptr.load.i64
  ;;! has call_ref

  ;; What only a cold way needs stays there.
  (func (param i32 i32 i32)
    (loop $l
      (if (i32.eqz (local.get 0)) (then
        (i32.store (i32.const 0) (i32.mul (local.get 1) (local.get 2)))
        (unreachable)))
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      (br $l)))
  ;;! body 7
  ;;! has jump block1
  ;;! has cold
  ;;! has i32.mul
)
