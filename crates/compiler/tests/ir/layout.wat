(module
  ;; Ways to a trap are cold, and last.
  (func (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (unreachable)))
    (i32.const 1))
  ;;! has return 1i32
  ;;! has cold idom block0
  ;;! has trap 10

  ;; The way out of a loop is behind it, and does not belong to it.
  (func (param i32 i32) (result i32)
    (loop $l
      (if (i32.eq (local.get 0) (local.get 1)) (then (return (i32.mul (local.get 0) (local.get 1)))))
      (local.set 0 (i32.add (local.get 0) (i32.const 1)))
      (br $l))
    (unreachable))
  ;;! body 1
  ;;! has in loop0
  ;;! has jump block1(
  ;;! has block2: idom block1
  ;;! has return
)
