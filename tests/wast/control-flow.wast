;; Structured control: values carried out of blocks, values left behind by branches, parameters of blocks, dead code.

(module
  ;; A branch out of three blocks takes its value along and drops what lies under it.
  (func (export "drop-below") (param i32) (result i32)
    (i32.const 1000)
    (block (result i32)
      (i32.const 1) (i32.const 2) (i32.const 3)
      (block (result i32)
        (i32.const 4) (i32.const 5)
        (br_if 1 (i32.const 77) (local.get 0))
        (drop) (i32.add))
      (drop) (drop) (drop))
    (i32.add))

  ;; br_if leaves its operands on the stack when not taken.
  (func (export "br_if-keeps") (param i32) (result i32 i32)
    (block (result i32 i32)
      (i32.const 10) (i32.const 20)
      (br_if 0 (local.get 0))
      (i32.add) (i32.const 5)))

  ;; if with parameters and several results, both arms reordering them.
  (func (export "if-params") (param i32 i32 i32) (result i32 i32)
    (local.get 1) (local.get 2)
    (if (param i32 i32) (result i32 i32) (local.get 0)
      (then (i32.sub) (i32.const 1))
      (else (i32.mul) (i32.const 2))))

  ;; if without else passes its parameters through.
  (func (export "if-without-else") (param i32) (result i32)
    (i32.const 40)
    (if (param i32) (result i32) (local.get 0) (then (i32.const 2) (i32.add))))

  ;; The loop's parameters are the Fibonacci pair; the branch swaps what it carries.
  (func (export "loop-params") (param $n i32) (result i64)
    (i64.const 0) (i64.const 1)
    (loop $again (param i64 i64) (result i64)
      (call $fib-step)
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $again (local.get $n))
      (drop)))
  (func $fib-step (param i64 i64) (result i64 i64)
    (local.get 1) (i64.add (local.get 0) (local.get 1)))

  ;; Rotating three values round a loop is a parallel move with a cycle.
  (func (export "rotate-in-loop") (param $n i32) (result i32)
    (local $a i32) (local $b i32) (local $c i32)
    (local.set $a (i32.const 1)) (local.set $b (i32.const 20)) (local.set $c (i32.const 300))
    (loop $again
      (local.get $a) (local.get $b) (local.get $c)
      (local.set $a) (local.set $c) (local.set $b)
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.add (i32.mul (local.get $a) (i32.const 10000)) (i32.add (i32.mul (local.get $b) (i32.const 100)) (local.get $c))))

  ;; After an unconditional branch the stack is polymorphic; nothing there runs.
  (func (export "dead-code") (result i32)
    (block (result i32)
      (br 0 (i32.const 7))
      (i32.add) (drop)
      (loop (result i32) (unreachable) (i64.add) (i32.wrap_i64))
      (if (result i32) (then (f32.const 1) (drop) (i32.const 1)) (else (unreachable)))))

  ;; Branching to the function's own label returns.
  (func (export "br-to-function") (param i32) (result i32)
    (block (block (br_if 2 (i32.const 1) (i32.eqz (local.get 0))) (drop)))
    (i32.const 2))

  ;; return from deep inside, with rubbish on the stack.
  (func (export "return-deep") (param i32) (result i64)
    (i64.const 1)
    (block (result i64)
      (i64.const 2)
      (loop (result i64)
        (i64.const 3)
        (if (local.get 0) (then (return (i64.const 99))))
        (i64.add (i64.const 4)))
      (i64.add))
    (i64.add))

  ;; A loop is a label for going back only: falling out of it does not repeat.
  (func (export "nested-loops") (param $n i32) (result i32)
    (local $i i32) (local $j i32) (local $sum i32)
    (loop $outer
      (local.set $j (i32.const 0))
      (loop $inner
        (local.set $sum (i32.add (local.get $sum) (i32.mul (local.get $i) (local.get $j))))
        (local.set $j (i32.add (local.get $j) (i32.const 1)))
        (br_if $outer (i32.and (i32.eq (local.get $j) (i32.const 3))
                               (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 10))))
        (br_if $inner (i32.lt_u (local.get $j) (local.get $n)))))
    (i32.add (i32.mul (local.get $sum) (i32.const 100)) (local.get $i)))

  ;; select evaluates both sides, in order, and the condition last.
  (global $trace (mut i32) (i32.const 0))
  (func $note (param i32 i32) (result i32)
    (global.set $trace (i32.add (i32.mul (global.get $trace) (i32.const 10)) (local.get 0)))
    (local.get 1))
  (func (export "select-order") (param i32) (result i32 i32)
    (global.set $trace (i32.const 0))
    (select (call $note (i32.const 1) (i32.const 111)) (call $note (i32.const 2) (i32.const 222)) (call $note (i32.const 3) (local.get 0)))
    (global.get $trace))
)

(assert_return (invoke "drop-below" (i32.const 1)) (i32.const 1077))
(assert_return (invoke "drop-below" (i32.const 0)) (i32.const 1001))
(assert_return (invoke "br_if-keeps" (i32.const 1)) (i32.const 10) (i32.const 20))
(assert_return (invoke "br_if-keeps" (i32.const 0)) (i32.const 30) (i32.const 5))
(assert_return (invoke "if-params" (i32.const -1) (i32.const 50) (i32.const 8)) (i32.const 42) (i32.const 1))
(assert_return (invoke "if-params" (i32.const 0) (i32.const 50) (i32.const 8)) (i32.const 400) (i32.const 2))
(assert_return (invoke "if-without-else" (i32.const 1)) (i32.const 42))
(assert_return (invoke "if-without-else" (i32.const 0)) (i32.const 40))
(assert_return (invoke "loop-params" (i32.const 1)) (i64.const 1))
(assert_return (invoke "loop-params" (i32.const 90)) (i64.const 2880067194370816120))
(assert_return (invoke "rotate-in-loop" (i32.const 1)) (i32.const 3000120))
(assert_return (invoke "rotate-in-loop" (i32.const 2)) (i32.const 230001))
(assert_return (invoke "rotate-in-loop" (i32.const 3)) (i32.const 12300))
(assert_return (invoke "rotate-in-loop" (i32.const 1000000)) (i32.const 3000120))
(assert_return (invoke "dead-code") (i32.const 7))
(assert_return (invoke "br-to-function" (i32.const 0)) (i32.const 1))
(assert_return (invoke "br-to-function" (i32.const 1)) (i32.const 2))
(assert_return (invoke "return-deep" (i32.const 1)) (i64.const 99))
(assert_return (invoke "return-deep" (i32.const 0)) (i64.const 10))
(assert_return (invoke "nested-loops" (i32.const 5)) (i32.const 16214))
(assert_return (invoke "select-order" (i32.const 0)) (i32.const 222) (i32.const 123))
(assert_return (invoke "select-order" (i32.const 256)) (i32.const 111) (i32.const 123))
