;; References that wait for calls, in registers, in the frame, on the stack, in results, while objects are made and moved.

(module
  (type $n (struct (field $value (mut i32)) (field $next (mut (ref null $n)))))
  (func $make (param $value i32) (param $next (ref null $n)) (result (ref $n))
    (struct.new $n (local.get $value) (local.get $next)))
  ;; Fills the heap, so that everything moves.
  (func $churn
    (local $i i32)
    (local.set $i (i32.const 20000))
    (loop $again
      (drop (call $make (local.get $i) (ref.null $n)))
      (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1))))))
  (func $value (param $n (ref null $n)) (result i32) (struct.get $n $value (local.get $n)))

  ;; More references than there are registers for them.
  (func (export "many") (result i32)
    (local (ref null $n) (ref null $n) (ref null $n) (ref null $n) (ref null $n) (ref null $n))
    (local.set 0 (call $make (i32.const 1) (ref.null $n)))
    (local.set 1 (call $make (i32.const 10) (local.get 0)))
    (local.set 2 (call $make (i32.const 100) (local.get 1)))
    (local.set 3 (call $make (i32.const 1000) (local.get 2)))
    (local.set 4 (call $make (i32.const 10000) (local.get 3)))
    (local.set 5 (call $make (i32.const 100000) (local.get 4)))
    (call $churn)
    (i32.add (call $value (local.get 0))
    (i32.add (call $value (local.get 1))
    (i32.add (call $value (local.get 2))
    (i32.add (call $value (local.get 3))
    (i32.add (call $value (local.get 4))
    (i32.add (call $value (local.get 5))
      (call $value (struct.get $n $next (local.get 5))))))))))

  ;; Arguments and results that do not fit the registers.
  (func $nine (param (ref $n) (ref $n) (ref $n) (ref $n) (ref $n) (ref $n) (ref $n) (ref $n) (ref $n))
    (result (ref $n) (ref $n) (ref $n) (ref $n) (ref $n) (ref $n) (ref $n) (ref $n) (ref $n))
    (call $churn)
    (local.get 8) (local.get 7) (local.get 6) (local.get 5) (local.get 4) (local.get 3) (local.get 2) (local.get 1)
    (local.get 0))
  (func (export "nine") (result i32)
    (local $first (ref null $n))
    (local.set $first (call $make (i32.const 1) (ref.null $n)))
    (call $nine
      (ref.as_non_null (local.get $first)) (call $make (i32.const 2) (ref.null $n)) (call $make (i32.const 3) (ref.null $n))
      (call $make (i32.const 4) (ref.null $n)) (call $make (i32.const 5) (ref.null $n)) (call $make (i32.const 6) (ref.null $n))
      (call $make (i32.const 7) (ref.null $n)) (call $make (i32.const 8) (ref.null $n)) (call $make (i32.const 9) (ref.null $n)))
    (call $churn)
    ;; The first parameter is the last result.
    (if (ref.eq (local.get $first)) (then) (else (unreachable)))
    (local.set $first)
    (drop) (drop) (drop) (drop) (drop) (drop)
    (i32.sub (call $value) (call $value (local.get $first))))

  ;; A loop carries them, one of them for nobody but the loop's end.
  (func (export "loop") (param $n i32) (result i32)
    (local $list (ref null $n)) (local $kept (ref null $n)) (local $sum i32)
    (local.set $kept (call $make (i32.const 7) (ref.null $n)))
    (loop $again
      (local.set $list (call $make (local.get $n) (local.get $list)))
      (call $churn)
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (block $end
      (loop $next
        (local.set $sum (i32.add (local.get $sum) (struct.get $n $value (br_on_null $end (local.get $list)))))
        (local.set $list (struct.get $n $next (local.get $list)))
        (br $next)))
    (i32.add (local.get $sum) (call $value (local.get $kept))))

  ;; Null and an `i31` on one way, an object on the other.
  (func (export "ways") (param $which i32) (result i32)
    (local $x (ref null eq))
    (if (local.get $which)
      (then (if (i32.eq (local.get $which) (i32.const 1))
        (then (local.set $x (ref.i31 (i32.const 5))))
        (else (local.set $x (call $make (i32.const 6) (ref.null $n)))))))
    (call $churn)
    (if (ref.is_null (local.get $x)) (then (return (i32.const 0))))
    (block $i31 (result (ref i31))
      (br_on_cast $i31 (ref null eq) (ref i31) (local.get $x))
      (return (call $value (ref.cast (ref $n)))))
    (i31.get_u))

  ;; A tail call passes on what came on the stack.
  (func $ninth (param (ref $n) (ref $n) (ref $n) (ref $n) (ref $n) (ref $n) (ref $n) (ref $n) (ref $n)) (result i32)
    (call $churn)
    (call $value (local.get 8)))
  (func (export "tail") (result i32)
    (local $a (ref null $n))
    (local.set $a (call $make (i32.const 1) (ref.null $n)))
    (call $churn)
    (return_call $ninth
      (ref.as_non_null (local.get $a)) (ref.as_non_null (local.get $a)) (ref.as_non_null (local.get $a))
      (ref.as_non_null (local.get $a)) (ref.as_non_null (local.get $a)) (ref.as_non_null (local.get $a))
      (ref.as_non_null (local.get $a)) (ref.as_non_null (local.get $a)) (call $make (i32.const 99) (local.get $a)))))

(assert_return (invoke "many") (i32.const 121111))
(assert_return (invoke "nine") (i32.const 7))
(assert_return (invoke "loop" (i32.const 10)) (i32.const 62))
(assert_return (invoke "ways" (i32.const 0)) (i32.const 0))
(assert_return (invoke "ways" (i32.const 1)) (i32.const 5))
(assert_return (invoke "ways" (i32.const 2)) (i32.const 6))
(assert_return (invoke "tail") (i32.const 99))
