;; On aarch64 a store may write the part of it that lies inside the memory before it faults. Where that can be, the place is read first.
(module
  (memory 1)
  (func (export "anywhere") (param i32 i32)
    (i32.store (local.get 0) (local.get 1)))
  ;; aarch64: "ldr wzr" "str w1" "ret"
  ;; x64: "mov [r15+rdi]" !"test" "ret"

  (func (export "vector") (param i32 v128)
    (v128.store offset=16 (local.get 0) (local.get 1)))
  ;; aarch64: "ldr q31" "str q0" "ret"

  (func (export "byte") (param i32 i32)
    (i32.store8 (local.get 0) (local.get 1)))
  ;; aarch64: "strb w1" "ret" !"wzr"

  ;; What was read as far is there.
  (func (export "increment") (param i32)
    (i32.store (local.get 0) (i32.add (i32.load (local.get 0)) (i32.const 1))))
  ;; aarch64: "ldr w" "add" "str w" "ret" !"wzr"
  (func (export "downwards") (param i32 i32)
    (i32.store offset=12 (local.get 0) (local.get 1))
    (i32.store offset=4 (local.get 0) (local.get 1)))
  ;; aarch64: "ldr wzr" "str w1" "str w1" "ret"
  ;; ir: "i32.store" "i32.store" "whole"

  ;; Where it ended before the end of this one, it may not be.
  (func (export "upwards") (param i32 i32)
    (i32.store offset=4 (local.get 0) (local.get 1))
    (i32.store offset=12 (local.get 0) (local.get 1)))
  ;; aarch64: "ldr wzr" "str w1" "ldr wzr" "str w1" "ret"

  ;; A multiple of its bytes.
  (func (export "element") (param i32 i32)
    (i32.store offset=65536 (i32.shl (local.get 0) (i32.const 2)) (local.get 1)))
  ;; aarch64: "str w1" "ret" !"wzr"
  (func (export "misaligned_element") (param i32 i32)
    (i32.store offset=65538 (i32.shl (local.get 0) (i32.const 2)) (local.get 1)))
  ;; aarch64: "ldur wzr" "stur w1" "ret"
  (func (export "masked") (param i32 i64)
    (i64.store (i32.and (local.get 0) (i32.const -8)) (local.get 1)))
  ;; aarch64: "str x1" "ret" !"xzr"

  ;; Below the least that the memory has.
  (func (export "low") (param i32 i32)
    (i32.store (i32.and (local.get 0) (i32.const 0xff)) (local.get 1)))
  ;; aarch64: "str w1" "ret" !"wzr"
)
