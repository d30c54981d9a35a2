(module
  (import "" "" (func $import (param i32)))
  (memory 1)

  ;; A body that weighs no more than a call is always worth it.
  (func $is_digit (param i32) (result i32)
    (i32.lt_u (i32.sub (local.get 0) (i32.const 48)) (i32.const 10)))
  (func (export "one") (param i32) (result i32)
    (call $is_digit (local.get 0)))
  ;; x64: "cmp" "ret" !"call" !"push"

  ;; What is known of an argument goes on through the body.
  (func (export "constant") (result i32)
    (call $is_digit (i32.const 53)))
  ;; ir: "return 1i32" !"call"

  ;; The comparison of a body becomes that of a branch, in a loop, without a frame.
  (func (export "digits") (param $at i32) (result i32) (local $n i32)
    (loop $next
      (if (call $is_digit (i32.load8_u (local.get $at)))
        (then
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next))))
    (local.get $n))
  ;; x64: "movzx" "cmp" "ret" !"call" !"set" !"push"

  ;; Memory is known through the body: what was stored is not loaded again.
  (func $store (param i32 i32) (i32.store (local.get 0) (local.get 1)))
  (func (export "forwarded") (param i32 i32) (result i32)
    (call $store (local.get 0) (local.get 1))
    (i32.load (local.get 0)))
  ;; ir: "i32.store" "return v1" !"i32.load" !"call"

  ;; Every way out leads to one place.
  (func $clamp (param i32) (result i32)
    (if (i32.lt_s (local.get 0) (i32.const 0)) (then (return (i32.const 0))))
    (if (i32.gt_s (local.get 0) (i32.const 255)) (then (return (i32.const 255))))
    (local.get 0))
  (func (export "clamped") (param i32 i32) (result i32)
    (i32.or (i32.shl (call $clamp (local.get 0)) (i32.const 8)) (call $clamp (local.get 1))))
  ;; x64: "ret" !"call"

  ;; Never where nothing is gained: on the way to a trap, or for what does not return.
  (func $log (param i32) (call $import (local.get 0)) (call $import (i32.const 1)))
  (func $fail (param i32) (call $log (local.get 0)) (unreachable))
  (func (export "traps") (param i32) (result i32)
    (if (i32.eqz (local.get 0))
      (then (call $store (i32.const 0) (i32.const 1)) (call $log (i32.const 2)) (unreachable)))
    (if (i32.eq (local.get 0) (i32.const 1)) (then (call $fail (i32.const 3)) (unreachable)))
    (local.get 0))
  ;; ir: "call fn1" !"call fn2" !"i32.store"
)
