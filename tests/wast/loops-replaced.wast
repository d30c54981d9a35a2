;; Loops in all the places where the rest of a function may start: in each other, behind operands, in arms, with values around the round.

(module
  (memory 1)
  (type $pair (func (param i32 i64) (result i32 i64)))
  (func $odd (param i32) (result i32) (i32.and (local.get 0) (i32.const 1)))

  ;; Three loops in each other; what is set in one is read in the others.
  (func (export "nest") (param $n i32) (result i64) (local $i i32) (local $j i32) (local $k i32) (local $s i64)
    (loop $a
      (local.set $j (i32.const 0))
      (loop $b
        (local.set $k (i32.const 0))
        (loop $c
          (local.set $s (i64.add (i64.mul (local.get $s) (i64.const 31))
            (i64.extend_i32_u (i32.xor (local.get $i) (i32.add (local.get $j) (local.get $k))))))
          (br_if $c (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (local.get $n))))
        (local.set $s (i64.add (local.get $s) (i64.const 7)))
        (br_if $b (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (local.get $n))))
      (local.set $s (i64.xor (local.get $s) (i64.const 77)))
      (br_if $a (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.get $s))

  ;; Operands below the loop, of every kind, one of them a constant; the loop's parameters and results travel on the stack.
  (func (export "operands") (param $n i32) (result f64) (local $x i32) (local $y f64)
    (f64.convert_i32_u (i32.mul (local.get $n) (i32.const 3)))
    (i32.const 1000)
    (i64.extend_i32_u (local.get $n))
    (f32.convert_i32_u (local.get $n))
    (i32.const 5)
    (loop $l (param i32) (result i32)
      (i32.add (i32.const 2))
      (br_if $l (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 1))) (local.get $n))))
    (f64.convert_i32_u)
    (local.set $x (i32.const 0))
    (loop $m (param f64) (result f64)
      (f64.mul (f64.const 0.5))
      (br_if $m (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 1))) (i32.const 3))))
    (local.set $y)
    (f64.promote_f32)
    (local.set $y (f64.add (local.get $y)))
    (f64.convert_i64_u)
    (local.set $y (f64.add (local.get $y)))
    (f64.convert_i32_u)
    (f64.add (local.get $y))
    (f64.add))

  ;; In both arms, and behind an arm that is not taken; the outer loop leaves with a value.
  (func (export "arms") (param $n i32) (result i32) (local $i i32) (local $j i32) (local $s i32)
    (block $out (result i32)
      (loop $outer (result i32)
        (local.set $j (i32.const 0))
        (if (call $odd (local.get $i))
          (then
            (loop $l
              (local.set $s (i32.add (local.get $s) (i32.const 3)))
              (br_if $l (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (i32.const 5)))))
          (else
            (loop $l
              (local.set $s (i32.mul (local.get $s) (i32.const 3)))
              (br_if $out (local.get $s) (i32.gt_u (local.get $s) (i32.const 100000)))
              (drop)
              (br_if $l (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (i32.const 2))))))
        (br_if $outer (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))
        (i32.sub (i32.const 0) (local.get $s)))))

  ;; The outer loop has parameters, and ends in a branch that always goes round.
  (func (export "rounds") (param $n i32) (result i32) (local $i i32) (local $j i32)
    (i32.const 1)
    (i32.const 2)
    (loop $outer (param i32 i32)
      (local.set $i)
      (local.set $j)
      (loop $l
        (local.set $j (i32.add (local.get $j) (i32.const 7)))
        (br_if $l (i32.lt_u (local.get $j) (i32.mul (local.get $i) (i32.const 20)))))
      (if (i32.gt_u (local.get $i) (local.get $n)) (then (return (i32.add (local.get $i) (i32.mul (local.get $j) (i32.const 1000))))))
      (br $outer (local.get $j) (i32.add (local.get $i) (i32.const 1))))
    (unreachable))

  ;; More results than registers, more arguments than registers.
  (func (export "results") (param i32 i32 i32 i32 i32 i32 i32 i32 f32 v128) (result i32 i32 i32 i32 f32 v128 i64 i64)
    (local $i i32) (local $s i64)
    (loop $l
      (local.set $s (i64.add (local.get $s) (i64.extend_i32_u (local.get 7))))
      (local.set 9 (i32x4.add (local.get 9) (i32x4.splat (i32.const 1))))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get 0))))
    (local.get 1) (local.get 2) (local.get 6) (local.get 7) (local.get 8) (local.get 9) (local.get $s) (i64.const -1))

  ;; A tail call from behind the loop, with more arguments on the stack.
  (func $many (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (i32.add (i32.add (local.get 0) (local.get 8)) (local.get 9)))
  (func (export "leaves") (param $n i32) (result i32) (local $i i32)
    (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (return_call $many (local.get $i) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1)
      (i32.const 1) (i32.const 1) (i32.const 70)))

  ;; Traps and the trap's place.
  (func (export "traps") (param $n i32) (result i32) (local $i i32) (local $s i32)
    (loop $l
      (local.set $s (i32.add (local.get $s) (i32.div_u (i32.const 100) (i32.sub (local.get $n) (local.get $i)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $l))
    (unreachable))

  ;; Nothing leads back, and nothing leads on.
  (func (export "once") (param $n i32) (result i32)
    (loop $l (result i32) (loop $m (result i32) (i32.add (local.get $n) (i32.const 1)))))
  (func (export "never") (param $n i32) (result i32)
    (loop $l
      (loop $m
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $m (i32.lt_u (local.get $n) (i32.const 50)))
        (if (i32.gt_u (local.get $n) (i32.const 60)) (then (return (local.get $n))))
        (br $l)))
    (unreachable))

  ;; A local that is zero only because nobody has set it, and one that is set in each round.
  (func (export "fresh") (param $n i32) (result i32) (local $i i32) (local $zero i32) (local $each i32) (local $s i32)
    (loop $outer
      (local.set $each (local.get $i))
      (loop $l
        (local.set $s (i32.add (local.get $s) (i32.add (local.get $zero) (local.get $each))))
        (if (i32.eq (local.get $i) (i32.const 7)) (then (local.set $zero (i32.const 1))))
        (br_if $l (i32.and (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3))))
      (br_if $outer (i32.lt_u (local.get $i) (local.get $n))))
    (local.get $s)))

(assert_return (invoke "nest" (i32.const 1)) (i64.const 74))
(assert_return (invoke "nest" (i32.const 9)) (i64.const 8680433938154264062))
(assert_return (invoke "operands" (i32.const 4)) (f64.const 1021.625))
(assert_return (invoke "arms" (i32.const 3)) (i32.const -135))
(assert_return (invoke "arms" (i32.const 100)) (i32.const 110700))
(assert_return (invoke "rounds" (i32.const 5)) (i32.const 120006))
(assert_return
  (invoke "results" (i32.const 3) (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4) (i32.const 5) (i32.const 6) (i32.const -1)
    (f32.const 1.5) (v128.const i32x4 1 2 3 4))
  (i32.const 1) (i32.const 2) (i32.const 6) (i32.const -1) (f32.const 1.5) (v128.const i32x4 4 5 6 7) (i64.const 12884901885) (i64.const -1))
(assert_return (invoke "leaves" (i32.const 10)) (i32.const 81))
(assert_trap (invoke "traps" (i32.const 9)) "integer divide by zero")
(assert_return (invoke "once" (i32.const 10)) (i32.const 11))
(assert_return (invoke "never" (i32.const 10)) (i32.const 61))
(assert_return (invoke "fresh" (i32.const 20)) (i32.const 172))

;; References on the stack and in locals, objects made in each round, and a table.
(module
  (type $node (struct (field i32) (field (ref null $node))))
  (func (export "list") (param $n i32) (result i32) (local $i i32) (local $s i32) (local $list (ref null $node))
    (struct.new $node (i32.const 1000) (ref.null $node))
    (loop $l
      (local.set $list (struct.new $node (local.get $i) (local.get $list)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (loop $sum
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 3)) (struct.get $node 0 (local.get $list))))
      (br_if $sum (i32.eqz (ref.is_null (local.tee $list (struct.get $node 1 (local.get $list)))))))
    (struct.get $node 0)
    (i32.add (local.get $s))))

(assert_return (invoke "list" (i32.const 5)) (i32.const 1426))
