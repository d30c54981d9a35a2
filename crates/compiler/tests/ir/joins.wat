(module
  ;; Only locals that differ become parameters of a join.
  (func (param i32 i32 i32) (result i32)
    (if (local.get 0)
      (then (local.set 1 (i32.const 7)) (local.set 2 (local.get 2)))
      (else))
    (i32.add (local.get 1) (local.get 2)))
  ;;! stage translate
  ;;! has jump block3(7i32)
  ;;! has jump block3(v1)
  ;;! has block3(v9: i32):
  ;;! has i32.add v2, v9

  ;; A loop has parameters for what it sets, and for nothing else.
  (func (param i32 i32 i32) (result i32)
    (loop $l
      (local.set 1 (i32.add (local.get 1) (local.get 2)))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  ;;! body 1
  ;;! has block1(v4: i32, v5: i32):
  ;;! has in loop0
  ;;! not , v6: i32

  ;; A loop that nobody branches to is none.
  (func (param i32) (result i32)
    (loop (local.set 0 (i32.const 3)))
    (local.get 0))
  ;;! body 2
  ;;! not loop0
  ;;! has return 3i32

  ;; Results of blocks, several of them, through branches with values.
  (func (param i32) (result i32 i64)
    (block $b (result i32 i64)
      (i32.const 1) (i64.const 2)
      (br_if $b (local.get 0))
      (drop) (drop)
      (i32.const 3) (i64.const 2)))
  ;;! body 3
  ;;! has return v
  ;;! has , 2i64

  ;; A constant condition leaves one way.
  (func (param i32) (result i32)
    (if (result i32) (i32.const 1) (then (local.get 0)) (else (i32.const 9))))
  ;;! body 4
  ;;! not br_if
  ;;! has return v0

  ;; Every label of a table once, the default last.
  (func (param i32) (result i32)
    (block $c (block $b (block $a (br_table $a $b $a $c (local.get 0)))
      (return (i32.const 10)))
      (return (i32.const 20)))
    (i32.const 30))
  ;;! body 5
  ;;! has br_table v0, [0 1 0 2],
)
