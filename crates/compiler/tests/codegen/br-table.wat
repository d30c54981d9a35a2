(module
  ;; The index is clamped without a branch, so that no wrong guess reads beyond the table.
  (func (export "table") (param i32) (result i32)
    (block $a (block $b (block $c (block $d (br_table $a $b $c $d $a $b $c (local.get 0)))
      (return (i32.const 3))) (return (i32.const 7))) (return (i32.const 9))) (i32.const 1))
  ;; x64: "cmp" "cmova" "lea" "movsxd" "jmp" !"ja " !"jae"

  ;; A few cases are compared.
  (func (export "few") (param i32) (result i32)
    (block $a (block $b (block $c (br_table $a $b $c (local.get 0)))
      (return (i32.const 7))) (return (i32.const 9))) (i32.const 1))
  ;; x64: "test edi,edi" "je" "cmp edi,1" "je" !"movsxd" !"lea"
)
