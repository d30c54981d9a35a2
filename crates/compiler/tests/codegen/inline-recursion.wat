(module
  ;; A function that calls itself takes in some levels of itself.
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
      (then (i32.const 1))
      (else
        (i32.add
          (call $fib (i32.sub (local.get 0) (i32.const 2)))
          (call $fib (i32.sub (local.get 0) (i32.const 1)))))))
  ;; ir: "call.i32" "call.i32" "call.i32" "call.i32"

  ;; From outside that gains nothing.
  (func (export "ten") (result i32) (call $fib (i32.const 10)))
  ;; ir: "call.i32" !"br_if"

  ;; A tail call in a body is a call where something waits for the body, and leaves where nothing does.
  (func $small (param i32 i32) (result i32) (return_call $large (local.get 1) (local.get 0)))
  (func (export "waits") (param i32 i32) (result i32)
    (i32.add (call $small (local.get 0) (local.get 1)) (i32.const 1)))
  ;; ir: "call.i32" "i32.add" !"return_call"
  (func (export "leaves") (param i32 i32) (result i32)
    (return_call $small (local.get 0) (local.get 1)))
  ;; ir: "return_call" !"call.i32"

  (func $large (param i32 i32) (result i32) (local i32)
    (loop $l
      (local.set 2 (i32.add (local.get 2) (i32.div_u (local.get 0) (local.get 1))))
      (local.set 2 (i32.xor (local.get 2) (i32.mul (local.get 0) (i32.const 77))))
      (local.set 2 (i32.rotl (local.get 2) (i32.rem_u (local.get 1) (i32.const 31))))
      (local.set 2 (i32.sub (local.get 2) (i32.popcnt (i32.add (local.get 0) (local.get 1)))))
      (local.set 2 (i32.add (local.get 2) (i32.shr_u (i32.clz (local.get 0)) (i32.ctz (local.get 1)))))
      (local.set 2 (i32.or (local.get 2) (i32.and (i32.shl (local.get 0) (i32.const 3)) (local.get 1))))
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      (br_if $l (local.get 0)))
    (local.get 2))
)
