(module
  (func (param i64 i64 i64 i64) (result i64 i64)
    (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
  ;;! has : i64.add128 v0, v1, v2, v3
  ;;! has result.i64
  ;;! has result.i64
  ;; One product for both halves, however often.
  (func (param i64 i64) (result i64)
    (local i64)
    (i64.mul_wide_u (local.get 0) (local.get 1)) (local.set 2) (drop)
    (i64.mul_wide_u (local.get 0) (local.get 1)) (drop)
    (i64.add (local.get 2)))
  ;;! body 1
  ;;! count 1 i64.mul_wide_u
  ;;! count 2 result.i64
)
