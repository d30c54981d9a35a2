;; Tail calls use no stack, whatever the callee's parameters, and pass their operands as they were before.

(module
  (type $ii-i (func (param i32 i32) (result i32)))
  (type $many (func (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 f64 f64 f64 f64 f64 f64 f64 f64 f64 f64) (result f64)))
  (table funcref (elem $even $odd $sum))

  (func $even (export "even") (param i32 i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.add (local.get 1) (i32.const 1000000)))))
    (return_call $odd (i32.sub (local.get 0) (i32.const 1)) (local.get 1)))
  (func $odd (export "odd") (param i32 i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
    (return_call_indirect (type $ii-i) (i32.sub (local.get 0) (i32.const 1)) (local.get 1) (i32.const 0)))

  ;; Operands that swap the parameters.
  (func $gcd (export "gcd") (param i64 i64) (result i64)
    (if (result i64) (i64.eqz (local.get 1))
      (then (local.get 0))
      (else (return_call $gcd (local.get 1) (i64.rem_u (local.get 0) (local.get 1))))))

  ;; From few parameters to many and back: the frame's argument area changes its size each time.
  (func $few (export "few") (param $n i32) (param $sum f64) (result f64)
    (if (i32.eqz (local.get $n)) (then (return (local.get $sum))))
    (return_call $wide
      (i64.extend_i32_u (local.get $n)) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5)
      (i64.const 6) (i64.const 7) (i64.const 8) (i64.const 9) (i64.const 10)
      (local.get $sum) (f64.const 2) (f64.const 3) (f64.const 4) (f64.const 5)
      (f64.const 6) (f64.const 7) (f64.const 8) (f64.const 9) (f64.const 0.5)))
  (func $wide (type $many)
    (return_call $few
      (i32.sub (i32.wrap_i64 (local.get 0)) (i32.const 1))
      (f64.add (local.get 10)
        (f64.add (f64.convert_i64_s (i64.sub (local.get 9) (i64.add (local.get 1) (local.get 7)))) (local.get 19)))))

  ;; Rotated parameters, beyond what fits in registers.
  (func $rotate (export "rotate") (param i32 i64 i64 i64 i64 i64 i64 i64 i64) (result i64 i64 i64)
    (if (i32.eqz (local.get 0)) (then (return (local.get 1) (local.get 4) (local.get 8))))
    (return_call $rotate (i32.sub (local.get 0) (i32.const 1))
      (local.get 8) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6) (local.get 7)))

  ;; By reference.
  (type $down (func (param i32 (ref null $down)) (result i32)))
  (elem declare func $down)
  (func $down (type $down)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 42))))
    (return_call_ref $down (i32.sub (local.get 0) (i32.const 1)) (local.get 1) (local.get 1)))
  (func (export "by-reference") (param i32) (result i32)
    (return_call $down (local.get 0) (ref.func $down)))
  (func (export "null-reference") (result i32)
    (return_call_ref $down (i32.const 1) (ref.null $down) (ref.null $down)))

  ;; The caller of a function that tail-calls finds its own locals unharmed.
  (func $sum (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "caller-unharmed") (param $n i32) (result i32)
    (local $kept i32)
    (local.set $kept (i32.const 7))
    (i32.const 100)
    (call $even (local.get $n) (i32.const 5))
    (i32.add)
    (i32.mul (local.get $kept)))

  ;; Out of blocks, with rubbish on the stack.
  (func (export "from-block") (param i32) (result i32)
    (i32.const 1) (i32.const 2)
    (block (result i32)
      (i32.const 3)
      (loop (result i32) (i32.const 4) (return_call $sum (local.get 0) (i32.const 8)))
      (i32.add))
    (i32.add) (i32.add))
  (func (export "bad-signature") (result i32) (return_call_indirect (type $down) (i32.const 0) (ref.null $down) (i32.const 0)))
  (func (export "out-of-table") (param i32) (result i32) (return_call_indirect (type $ii-i) (i32.const 0) (i32.const 0) (local.get 0)))
)

(assert_return (invoke "even" (i32.const 1000000) (i32.const 3)) (i32.const 1000003))
(assert_return (invoke "even" (i32.const 999999) (i32.const 3)) (i32.const 3))
(assert_return (invoke "odd" (i32.const 999999) (i32.const 4)) (i32.const 1000004))
(assert_return (invoke "gcd" (i64.const 12200160415121876738) (i64.const 7540113804746346429)) (i64.const 1))
(assert_return (invoke "gcd" (i64.const 1071) (i64.const 462)) (i64.const 21))
(assert_return (invoke "few" (i32.const 100000) (f64.const 1)) (f64.const 50001))
(assert_return (invoke "rotate" (i32.const 0) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8)) (i64.const 1) (i64.const 4) (i64.const 8))
(assert_return (invoke "rotate" (i32.const 3) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8)) (i64.const 6) (i64.const 1) (i64.const 5))
(assert_return (invoke "rotate" (i32.const 100001) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8)) (i64.const 8) (i64.const 3) (i64.const 7))
(assert_return (invoke "by-reference" (i32.const 300000)) (i32.const 42))
(assert_trap (invoke "null-reference") "null function reference")
(assert_return (invoke "caller-unharmed" (i32.const 50000)) (i32.const 7000735))
(assert_return (invoke "from-block" (i32.const 34)) (i32.const 42))
(assert_trap (invoke "bad-signature") "indirect call type mismatch")
(assert_trap (invoke "out-of-table" (i32.const 3)) "undefined element")
