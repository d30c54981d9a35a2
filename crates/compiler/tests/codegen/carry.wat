(module
  ;; What an unsigned comparison adds is the carry flag.
  (func (export "add128") (param i64 i64 i64 i64) (result i64 i64) (local i64)
    (local.tee 4 (i64.add (local.get 0) (local.get 2)))
    (i64.add
      (i64.add (local.get 1) (local.get 3))
      (i64.extend_i32_u (i64.lt_u (local.get 4) (local.get 0)))))
  ;; x64: "add" "cmp" "adc" "ret" !"set"

  (func (export "sub128") (param i64 i64 i64 i64) (result i64 i64)
    (i64.sub (local.get 0) (local.get 2))
    (i64.sub
      (i64.sub (local.get 1) (local.get 3))
      (i64.extend_i32_u (i64.gt_u (local.get 2) (local.get 0)))))
  ;; x64: "sub" "cmp" "sbb" "ret" !"set"

  (func (export "count") (param i32 i32 i32) (result i32)
    (i32.add (local.get 0) (i32.lt_u (local.get 1) (local.get 2))))
  ;; x64: "cmp" "adc" "ret" !"set"

  (func (export "count_not") (param i32 i32 i32) (result i32)
    (i32.add (local.get 0) (i32.ge_u (local.get 1) (local.get 2))))
  ;; x64: "cmp" "sbb" "0FFFFFFFFh" "ret" !"set"

  (func (export "discount_not") (param i64 i32) (result i64)
    (i64.sub (local.get 0) (i64.extend_i32_u (i32.gt_u (local.get 1) (i32.const 9)))))
  ;; x64: "cmp" "ret"
)
