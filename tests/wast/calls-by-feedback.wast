;; Calls through references that have always gone to one function, long enough to be inlined for it, and then go elsewhere.

(module $other
  (type $op (func (param i32 i32) (result i32)))
  (func (export "mul") (type $op) (i32.mul (local.get 0) (local.get 1))))
(register "other" $other)

(module
  (type $op (func (param i32 i32) (result i32)))
  (type $none (func))
  (type $two (func (param i32) (result i32 i64)))
  (import "other" "mul" (func $mul (type $op)))
  (table $t 8 funcref)
  (elem (i32.const 0) $nothing $add $sub $div $mul)
  (table $pairs 2 2 funcref)
  (elem (table $pairs) (i32.const 0) func $plain $swapped)
  (elem declare func $add $div)
  (func $nothing)
  (func $add (type $op) (i32.add (local.get 0) (local.get 1)))
  (func $sub (type $op) (i32.sub (local.get 0) (local.get 1)))
  ;; Leaves by a branch, traps, and returns from the middle.
  (func $div (type $op)
    (if (i32.eq (local.get 1) (i32.const 1)) (then (return (local.get 0))))
    (block (br_if 0 (i32.eq (local.get 1) (i32.const 3))) (return (i32.div_s (local.get 0) (local.get 1))))
    (i32.const 33))
  (func $plain (type $two) (local.get 0) (i64.const 1))
  (func $swapped (type $two) (i32.const 1) (i64.extend_i32_u (local.get 0)))

  (func (export "rounds") (param $which i32) (param $n i32) (result i32) (local $s i32)
    (loop $l
      (local.set $s (call_indirect $t (type $op) (local.get $s) (i32.const 3) (local.get $which)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $s))

  (func (export "once") (param $which i32) (param $x i32) (param $y i32) (result i32)
    (i32.add (i32.const 1000) (call_indirect $t (type $op) (local.get $x) (local.get $y) (local.get $which))))
  (func (export "warm") (param $which i32) (param $n i32) (local $s i32)
    (loop $l
      (drop (call $callee (local.get $which) (local.get $n) (i32.const 1)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func $callee (export "callee") (param $which i32) (param $x i32) (param $y i32) (result i32)
    (i32.add (i32.const 1000) (call_indirect $t (type $op) (local.get $x) (local.get $y) (local.get $which))))

  (func (export "pairs") (param $which i32) (param $n i32) (result i64) (local $s i64)
    (loop $l
      (call_indirect $pairs (type $two) (local.get $n) (local.get $which))
      (local.set $s (i64.add (local.get $s)))
      (i64.extend_i32_u)
      (local.set $s (i64.add (local.get $s)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $s))

  (func $ref (param $f (ref null $op)) (param $n i32) (result i32) (local $s i32)
    (loop $l
      (local.set $s (call_ref $op (local.get $s) (i32.const 1) (local.get $f)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $s))
  (func (export "refs") (param $which i32) (param $n i32) (result i32)
    (if (result i32) (i32.eq (local.get $which) (i32.const 0)) (then (call $ref (ref.func $add) (local.get $n)))
      (else (if (result i32) (i32.eq (local.get $which) (i32.const 1)) (then (call $ref (ref.func $div) (local.get $n)))
        (else (call $ref (ref.null $op) (local.get $n))))))))

(assert_return (invoke "rounds" (i32.const 1) (i32.const 5000)) (i32.const 15000))
(assert_return (invoke "rounds" (i32.const 2) (i32.const 5000)) (i32.const -15000))
(assert_return (invoke "rounds" (i32.const 3) (i32.const 10)) (i32.const 33))
(assert_return (invoke "rounds" (i32.const 4) (i32.const 10)) (i32.const 0))
(assert_trap (invoke "rounds" (i32.const 0) (i32.const 10)) "indirect call type mismatch")
(assert_trap (invoke "rounds" (i32.const 7) (i32.const 10)) "uninitialized element")
(assert_trap (invoke "rounds" (i32.const 8) (i32.const 10)) "undefined element")

(assert_return (invoke "warm" (i32.const 3) (i32.const 5000)))
(assert_return (invoke "callee" (i32.const 3) (i32.const 12) (i32.const 4)) (i32.const 1003))
(assert_return (invoke "callee" (i32.const 3) (i32.const 12) (i32.const 3)) (i32.const 1033))
(assert_trap (invoke "callee" (i32.const 3) (i32.const 12) (i32.const 0)) "integer divide by zero")
(assert_return (invoke "callee" (i32.const 1) (i32.const 12) (i32.const 4)) (i32.const 1016))
(assert_return (invoke "callee" (i32.const 4) (i32.const 12) (i32.const 4)) (i32.const 1048))
(assert_trap (invoke "callee" (i32.const 0) (i32.const 12) (i32.const 4)) "indirect call type mismatch")
(assert_trap (invoke "callee" (i32.const 6) (i32.const 12) (i32.const 4)) "uninitialized element")

(assert_return (invoke "pairs" (i32.const 1) (i32.const 3000)) (i64.const 4504500))
(assert_return (invoke "pairs" (i32.const 0) (i32.const 3000)) (i64.const 4504500))

(assert_return (invoke "refs" (i32.const 0) (i32.const 5000)) (i32.const 5000))
(assert_return (invoke "refs" (i32.const 1) (i32.const 10)) (i32.const 0))
(assert_trap (invoke "refs" (i32.const 2) (i32.const 10)) "null function reference")
(assert_return (invoke "refs" (i32.const 0) (i32.const 10)) (i32.const 10))
