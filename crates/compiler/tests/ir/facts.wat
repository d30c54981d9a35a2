(module
  (type $t (func))
  ;; A condition that led here is settled here.
  (func (param i32 i32) (result i32)
    (if (result i32) (i32.lt_s (local.get 0) (local.get 1))
      (then (select (i32.const 3) (local.get 0) (i32.lt_s (local.get 0) (local.get 1))))
      (else (i32.ge_s (local.get 0) (local.get 1)))))
  ;;! body 0
  ;;! count 1 lt_s
  ;;! not ge_s
  ;;! not select
  ;; So it is behind a block that only one branch leads to.
  (func (param i64 i64) (result i32)
    (block
      (br_if 0 (i64.eq (local.get 0) (local.get 1)))
      (return (i64.ne (local.get 0) (local.get 1))))
    (if (i64.ne (local.get 0) (local.get 1)) (then (unreachable)))
    (i64.eq (local.get 0) (local.get 1)))
  ;;! body 1
  ;;! count 1 i64.eq
  ;;! not i64.ne
  ;;! not trap
  ;; Where two ways meet it is not.
  (func (param i32 i32) (result i32)
    (if (local.get 0) (then (local.set 1 (i32.const 5))))
    (i32.add (local.get 1) (i32.eqz (local.get 0))))
  ;;! body 2
  ;;! has i32.eqz
  ;; A check that was passed settles it for all that follows.
  (func (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (unreachable)))
    (if (result i32) (local.get 0) (then (i32.const 1)) (else (i32.const 2))))
  ;;! body 3
  ;;! count 1 br_if
  ;;! has return 1i32
)
