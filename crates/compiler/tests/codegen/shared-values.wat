;; Constants and bases of addresses on aarch64: made once for several instructions, in front of a loop that calls nothing.
(module
  (memory 4)
  (func $other)

  ;; Fields of one record: the sum of the memory's base and the pointer is made once, and each access takes its offset.
  (func (export "record") (param i32) (result i32)
    (i32.add
      (i32.add (i32.load offset=4 (local.get 0)) (i32.load offset=8 (local.get 0)))
      (i32.load offset=12 (local.get 0))))
  ;; aarch64: "add x0, x27, w0" "[x0, #0x4]" "[x0, #0x8]" "[x0, #0xc]" "ret"

  ;; Offsets that no access can take: their upper bits are part of the sum.
  (func (export "columns") (param i32) (result i32)
    (i32.add (i32.load offset=65540 (local.get 0)) (i32.load offset=65544 (local.get 0))))
  ;; aarch64: "add x0, x27, w0" "add x0, x0, #0x10, lsl #12" "[x0, #0x4]" "[x0, #0x8]" "ret" !"mov"
  (func (export "statics") (result i32)
    (i32.add (i32.load (i32.const 70000)) (i32.load (i32.const 70004))))
  ;; aarch64: "add x0, x27, #0x11, lsl #12" "#0x170]" "#0x174]" "ret" !"mov"

  ;; A constant that a loop needs is in a register all the time, also one that serves a sum.
  (func (export "hash") (param i32) (result i32) (local i32)
    (loop $more
      (local.set 1 (i32.mul (i32.xor (local.get 1) (i32.load8_u offset=65584 (local.get 0))) (i32.const 0x01000193)))
      (br_if $more (i32.load8_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))))))
    (local.get 1))
  ;; aarch64: "movk" "ldrb" "mul" "cbnz" "ret"
  ;; ir: "loop"

  ;; Where a loop calls, what it needs is made in it.
  (func (export "calls") (param i32) (result i32)
    (loop $more
      (call $other)
      (call $other)
      (local.set 0 (i32.mul (local.get 0) (i32.const 0x01000193)))
      (br_if $more (i32.lt_u (local.get 0) (i32.const 0x01000000))))
    (local.get 0))
  ;; aarch64: "mul" "ret"

  ;; The sum of a constant of 24 bits: two additions.
  (func (export "far") (param i32) (result i32)
    (i32.add (local.get 0) (i32.const 0x12345)))
  ;; aarch64: "add w0, w0, #0x12, lsl #12" "add w0, w0, #0x345" "ret" !"mov"

  ;; A field of the upper half.
  (func (export "field") (param i64) (result i32)
    (i32.and (i32.wrap_i64 (i64.shr_u (local.get 0) (i64.const 40))) (i32.const 15)))
  ;; aarch64: "ubfx x0, x0, #0x28, #0x4" "ret"
)
