;; Objects that live through many collections, in a heap that grows: a long array of references, a list, and much that nothing refers to.
(module
  (type $node (struct (field $value i32) (field $next (ref null $node))))
  (type $nodes (array (mut (ref null $node))))
  (type $bytes (array (mut i8)))
  (global $kept (mut (ref null $nodes)) (ref.null $nodes))
  (global $list (mut (ref null $node)) (ref.null $node))

  (func $waste (param $count i32)
    (loop $again
      (drop (array.new_default $bytes (i32.const 1000)))
      (br_if $again (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))

  (func (export "make") (param $count i32)
    (local $index i32)
    (global.set $kept (array.new_default $nodes (local.get $count)))
    (loop $again
      (global.set $list (struct.new $node (local.get $index) (global.get $list)))
      (array.set $nodes (global.get $kept) (local.get $index)
        (struct.new $node (i32.mul (local.get $index) (i32.const 3)) (global.get $list)))
      (call $waste (i32.const 1))
      (br_if $again
        (i32.lt_u (local.tee $index (i32.add (local.get $index) (i32.const 1))) (local.get $count)))))

  (func (export "waste") (param i32) (call $waste (local.get 0)))

  ;; The sum of all values, those that the array's nodes lead to counted again.
  (func (export "sum") (result i64)
    (local $sum i64) (local $index i32) (local $node (ref null $node))
    (local.set $node (global.get $list))
    (loop $again
      (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (struct.get $node $value (local.get $node)))))
      (local.set $node (struct.get $node $next (local.get $node)))
      (br_if $again (i32.eqz (ref.is_null (local.get $node)))))
    (loop $again
      (local.set $node (array.get $nodes (global.get $kept) (local.get $index)))
      (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (struct.get $node $value (local.get $node)))))
      (local.set $sum (i64.add (local.get $sum)
        (i64.extend_i32_u (struct.get $node $value (struct.get $node $next (local.get $node))))))
      (br_if $again
        (i32.lt_u (local.tee $index (i32.add (local.get $index) (i32.const 1)))
          (array.len (global.get $kept)))))
    (local.get $sum)))

(assert_return (invoke "make" (i32.const 20000)))
(assert_return (invoke "sum") (i64.const 999950000))
(assert_return (invoke "waste" (i32.const 20000)))
(assert_return (invoke "sum") (i64.const 999950000))
(assert_return (invoke "make" (i32.const 100)))
(assert_return (invoke "waste" (i32.const 20000)))
(assert_return (invoke "sum") (i64.const 200014750))
