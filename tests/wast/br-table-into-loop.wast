;; br_table whose targets are loop heads, block ends and the function itself, with and without values.

(module
  ;; A small state machine: states are loop heads, the input's digits say where to go.
  (func (export "states") (param $input i64) (result i32)
    (local $steps i32)
    (block $done
      (loop $c
        (loop $b
          (loop $a
            (local.set $steps (i32.add (local.get $steps) (i32.const 1)))
            (br_if $done (i32.gt_u (local.get $steps) (i32.const 100)))
            (block $next
              (br_if $done (i64.eqz (local.get $input)))
              (br $next))
            (local.set $input (i64.div_u (local.get $input) (i64.const 10)))
            (br_table $a $b $c $a $b $done (i32.wrap_i64 (i64.rem_u (local.get $input) (i64.const 10)))))
          (local.set $steps (i32.const 1000)))
        (local.set $steps (i32.const 2000))))
    (local.get $steps))

  ;; Loop head and block ends share one table; the loop takes the same value as a parameter.
  (func (export "value-to-loop") (param $selector i32) (result i32)
    (local $rounds i32)
    (block $exit (result i32)
      (i32.const 1)
      (loop $again (param i32) (result i32)
        (i32.mul (i32.const 2))
        (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
        (i32.ge_u (local.get $rounds) (i32.const 5))
        (if (param i32) (result i32)
          (then (i32.const 1000) (i32.add) (br $exit)))
        (br_table $again $exit $again (local.get $selector)))))

  ;; Every target leaves another number of values behind.
  (func (export "depths") (param i32) (result i32)
    (i32.const 1)
    (block $a (result i32)
      (i32.const 2)
      (block $b (result i32)
        (i32.const 3)
        (block $c (result i32)
          (i32.const 4) (i32.const 5)
          (i32.const 60)
          (br_table $a $b $c (local.get 0)))
        (i32.add))
      (i32.add))
    (i32.add))

  ;; Only a default.
  (func (export "only-default") (param i32) (result i32)
    (block (result i32) (br_table 0 (i32.const 9) (local.get 0)) (i32.const 1) (i32.add)))

  ;; To the function's label, with two values.
  (func (export "to-function") (param i32) (result i32 i64)
    (block (result i32 i64)
      (br_table 0 1 0 (i32.const 5) (i64.const 6) (local.get 0)))
    (i64.const 100) (i64.add))

  ;; All the same target, as compilers emit it for a switch that came to nothing.
  (func (export "same-target") (param i32) (result i32)
    (block (block (br_table 0 0 0 0 0 0 0 0 (local.get 0))) (return (i32.const 3)))
    (i32.const 4))

  ;; Sum with the index computed in the loop: the operand is dead after the branch.
  (func (export "duff") (param $count i32) (result i32)
    (local $sum i32)
    (loop $more
      (block $0 (block $1 (block $2 (block $3
        (br_table $0 $3 $2 $1 (i32.and (local.get $count) (i32.const 3))))
        (local.set $sum (i32.add (local.get $sum) (i32.const 1))))
        (local.set $sum (i32.add (local.get $sum) (i32.const 10))))
        (local.set $sum (i32.add (local.get $sum) (i32.const 100))))
      (local.set $sum (i32.add (local.get $sum) (i32.const 1000)))
      (br_if $more (i32.ge_s (local.tee $count (i32.sub (local.get $count) (i32.const 1))) (i32.const 0))))
    (local.get $sum))
)

(assert_return (invoke "states" (i64.const 0)) (i32.const 1))
(assert_return (invoke "states" (i64.const 9)) (i32.const 2))
(assert_return (invoke "states" (i64.const 59)) (i32.const 1))
(assert_return (invoke "states" (i64.const 5123401240)) (i32.const 9))
(assert_return (invoke "states" (i64.const 9223372036854775807)) (i32.const 2))

(assert_return (invoke "value-to-loop" (i32.const 0)) (i32.const 1032))
(assert_return (invoke "value-to-loop" (i32.const 1)) (i32.const 2))
(assert_return (invoke "value-to-loop" (i32.const 2)) (i32.const 1032))
(assert_return (invoke "value-to-loop" (i32.const -1)) (i32.const 1032))

(assert_return (invoke "depths" (i32.const 0)) (i32.const 61))
(assert_return (invoke "depths" (i32.const 1)) (i32.const 63))
(assert_return (invoke "depths" (i32.const 2)) (i32.const 66))
(assert_return (invoke "depths" (i32.const 3)) (i32.const 66))
(assert_return (invoke "depths" (i32.const 0x80000000)) (i32.const 66))
(assert_return (invoke "only-default" (i32.const 0)) (i32.const 9))
(assert_return (invoke "only-default" (i32.const 0xffffffff)) (i32.const 9))
(assert_return (invoke "to-function" (i32.const 0)) (i32.const 5) (i64.const 106))
(assert_return (invoke "to-function" (i32.const 1)) (i32.const 5) (i64.const 6))
(assert_return (invoke "to-function" (i32.const 2)) (i32.const 5) (i64.const 106))
(assert_return (invoke "same-target" (i32.const 0)) (i32.const 3))
(assert_return (invoke "same-target" (i32.const 1000000)) (i32.const 3))
(assert_return (invoke "duff" (i32.const 3)) (i32.const 4321))
(assert_return (invoke "duff" (i32.const 4)) (i32.const 5321))
