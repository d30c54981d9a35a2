(module
  (memory 1)
  ;; A byte is compared where it lies.
  (func (export "byte") (param i32) (result i32)
    (if (i32.eq (i32.load8_u offset=3 (local.get 0)) (i32.const 47)) (then (return (i32.const 7))))
    (i32.const 9))
  ;; x64: "cmp byte ptr [r15+rdi+3],2Fh" "j" !"movzx"

  (func (export "not_zero") (param i32) (result i32)
    (if (i32.load8_u (local.get 0)) (then (return (i32.const 7))))
    (i32.const 9))
  ;; x64: "cmp byte ptr [r15+rdi],0" "j" !"movzx" !"test"

  (func (export "half_zero") (param i32) (result i32)
    (if (i32.eqz (i32.load16_u (local.get 0))) (then (return (i32.const 7))))
    (i32.const 9))
  ;; x64: "cmp word ptr [r15+rdi],0" "j" !"movzx" !"test"

  ;; Numbers without a sign are compared as such.
  (func (export "less") (param i32) (result i32)
    (if (i32.lt_s (i32.load8_u (local.get 0)) (i32.const 200)) (then (return (i32.const 7))))
    (i32.const 9))
  ;; x64: "cmp byte ptr [r15+rdi],0C8h" "j" !"movzx" !"jl" !"jge"

  (func (export "ascii") (param i32) (result i32)
    (if (i32.gt_s (i32.load8_s (local.get 0)) (i32.const -1)) (then (return (i32.const 7))))
    (i32.const 9))
  ;; x64: "cmp byte ptr [r15+rdi],0FFh" "jle" !"movsx"

  ;; So are the bits of a byte.
  (func (export "flag") (param i32) (result i32)
    (if (i32.and (i32.load8_u (local.get 0)) (i32.const 0x81)) (then (return (i32.const 7))))
    (i32.const 9))
  ;; x64: "test byte ptr [r15+rdi],81h" "j" !"movzx" !"and"
)
