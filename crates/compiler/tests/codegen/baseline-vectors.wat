;;! tier = "baseline"

(module
  (memory 1)
  ;; Locals and operands are in registers, and results go to those of the locals that they become.
  (func (export "sums") (param $at i32) (result v128) (local $sum v128) (local $factor v128)
    (local.set $factor (v128.load (local.get $at)))
    (loop $again
      (local.set $sum (f32x4.add (local.get $sum) (f32x4.mul (v128.load offset=16 (local.get $at)) (local.get $factor))))
      (br_if $again (local.tee $at (i32.sub (local.get $at) (i32.const 16)))))
    (local.get $sum))
  ;; x64: "vmovups xmm9,[r15" "vmovups xmm0,[r15" "vmulps xmm0,xmm0,xmm9" "vaddps xmm8,xmm8,xmm0" "sub" "jne" "ret" !"rbp-"
  ;; aarch64: "ldr q0, [" "fmul v0.4s, v0.4s" "fadd v" "cbnz" "ret"

  ;; A rotation of lanes by a constant.
  (func (export "rotation") (param $x v128) (result v128)
    (v128.or (i32x4.shl (local.get $x) (i32.const 12)) (i32x4.shr_u (local.get $x) (i32.const 20))))
  ;; x64: "vpslld" "0Ch" "vpsrld" "14h" "vpor" !"and"
  ;; aarch64: "shl v" "#0xc" "ushr v" "#0x14" "orr"

  ;; Tests of all lanes are conditions of the branch behind them.
  (func (export "any") (param $x v128) (result i32)
    (if (v128.any_true (local.get $x)) (then (return (i32.const 7))))
    (i32.const 8))
  ;; x64: "vptest" "je" !"set"
  ;; aarch64: "umaxv" "fmov w" "cmp w" "b.eq" !"cset"

  ;; A load and the widening of what it loads.
  (func (export "widened") (param $at i32) (result v128)
    (v128.load8x8_u (local.get $at)))
  ;; x64: "vpmovzxbw xmm0,[r15"
  ;; aarch64: "ldr d0" "ushll"
)
