(module
  ;; The index is clamped without a branch, so that no wrong guess reads beyond the table.
  (func (export "table") (param i32) (result i32)
    (block $a (block $b (block $c (block $d (br_table $a $b $c $d $a $b $c (local.get 0)))
      (return (i32.const 3))) (return (i32.const 7))) (return (i32.const 9))) (i32.const 1))
  ;; x64: "cmp" "cmova" "lea r11" "add r11,[r11+" "jmp r11" !"ja " !"jae"
  ;; aarch64: "cmp" "csel" "adr" "ldrsw" "add" "br x" !"b.hs" !"b.lo"

  ;; An index that cannot be too large needs no check.
  (func (export "masked") (param i32) (result i32)
    (block $a (block $b (block $c (block $d (br_table $a $b $c $d $a $b $c $d (i32.and (local.get 0) (i32.const 7))))
      (return (i32.const 3))) (return (i32.const 7))) (return (i32.const 9))) (i32.const 1))
  ;; x64: "and" "lea r11" "jmp r11" !"cmp" !"cmova"
  ;; aarch64: "and" "adr" "ldrsw" "add" "br x" !"cmp" !"csel"

  ;; A few cases are compared.
  (func (export "few") (param i32) (result i32)
    (block $a (block $b (block $c (br_table $a $b $c (local.get 0)))
      (return (i32.const 7))) (return (i32.const 9))) (i32.const 1))
  ;; x64: "test edi,edi" "je" "cmp edi,1" "je" !"r11" !"lea"

  ;; A dispatch loop: each case ends with a dispatch of its own.
  (memory 1)
  (func (export "interpreter") (param $pc i32) (result i32)
    (local $acc i32)
    (loop $next
      (local.set $pc (i32.add (local.get $pc) (i32.const 1)))
      (block $halt (block $neg (block $dbl (block $dec (block $inc
        (br_table $inc $dec $dbl $neg $halt $inc $dec (i32.load8_u (local.get $pc))))
        (local.set $acc (i32.add (local.get $acc) (i32.const 3))) (br $next))
        (local.set $acc (i32.sub (local.get $acc) (i32.const 5))) (br $next))
        (local.set $acc (i32.shl (local.get $acc) (i32.const 1))) (br $next))
        (local.set $acc (i32.xor (local.get $acc) (i32.const 9))) (br $next))
      (return (local.get $acc)))
    (i32.const 0))
  ;; x64: "jmp r11" "jmp r11" "jmp r11" "jmp r11" "jmp r11"
  ;; aarch64: "br x" "br x" "br x" "br x" "br x"
)
