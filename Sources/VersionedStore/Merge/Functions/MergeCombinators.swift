extension MergeFunction {
  /// Both sides changed it, always: for what must be decided by people.
  public static func conflict(_ reason: String) -> Self {
    Self { (_, _, _) throws(MergeFailure) in throw .conflict(reason) }
  }

  /// The first of these that finds no conflict.
  public static func sequence(_ functions: [Self]) -> Self {
    Self { (base, ours, theirs) throws(MergeFailure) in
      var reasons: [String] = []
      for function in functions {
        do throws(MergeFailure) { return try function(base: base, ours: ours, theirs: theirs) } catch {
          guard case .conflict(let reason) = error else { throw error }
          reasons.append(reason)
        }
      }
      throw .conflict(reasons.isEmpty ? "there is no way to merge this" : reasons.joined(separator: "; "))
    }
  }

  /// The merge of another form of the value: what was merged there, brought back.
  public func like<Other: Sendable>(
    _ read: @escaping @Sendable (Other) throws(MergeFailure) -> Value,
    _ write: @escaping @Sendable (Value) throws(MergeFailure) -> Other
  ) -> MergeFunction<Other> {
    MergeFunction<Other> { (base, ours, theirs) throws(MergeFailure) in
      try write(self(base: base.map(read), ours: read(ours), theirs: read(theirs)))
    }
  }
}

extension MergeFunction where Value: Equatable {
  /// A side that changed wins over one that did not. Two changes are a conflict, also where they are the same: for
  /// values where a change made twice counts twice.
  public static var changedSide: Self {
    Self { (base, ours, theirs) throws(MergeFailure) in
      guard let base = try base.value() else { throw .conflict("both sides added it, without a common ancestor") }
      if base == ours { return theirs }
      if base == theirs { return ours }
      throw .conflict("both sides changed it")
    }
  }

  /// A side that changed wins over one that did not, and the same change on both sides is one change.
  public static var idempotent: Self {
    Self { (base, ours, theirs) throws(MergeFailure) in
      if ours == theirs { return ours }
      return try MergeFunction.changedSide(base: base, ours: ours, theirs: theirs)
    }
  }
}

/// What becomes of a thing that one side removed and the other changed.
public enum MergeRemoval: Sendable {
  /// It is a conflict.
  case conflicts
  /// The change is kept.
  case yieldsToChange
}

extension MergeFunction {
  /// A value that may be absent, and whose merge is only asked where both sides changed it: a value that was removed and
  /// made anew counts as changed even where its own merge would prefer the old one.
  public static func option<Wrapped: Equatable & Sendable>(
    _ wrapped: MergeFunction<Wrapped>, removal: MergeRemoval = .conflicts
  ) -> Self where Value == Wrapped? {
    Self { (base, ours, theirs) throws(MergeFailure) in
      switch (ours, theirs) {
      case (nil, nil): return nil
      case (let ours?, let theirs?):
        let old = try base.value() ?? nil
        if old == ours { return theirs }
        if old == theirs { return ours }
        return try wrapped(base: old, ours: ours, theirs: theirs)
      case (let kept?, nil), (nil, let kept?):
        switch try base.value() ?? nil {
        case nil: return kept
        case kept?: return nil
        default:
          if removal == .yieldsToChange { return kept }
          throw .conflict("one side removed what the other changed")
        }
      }
    }
  }

  /// Two values, each merged for itself.
  public static func pair<A, B>(_ a: MergeFunction<A>, _ b: MergeFunction<B>) -> Self where Value == (A, B) {
    Self { (base, ours, theirs) throws(MergeFailure) in
      (
        try a(base: base.map { $0.0 }, ours: ours.0, theirs: theirs.0),
        try b(base: base.map { $0.1 }, ours: ours.1, theirs: theirs.1)
      )
    }
  }

  /// Three values, each merged for itself.
  public static func triple<A, B, C>(
    _ a: MergeFunction<A>, _ b: MergeFunction<B>, _ c: MergeFunction<C>
  ) -> Self where Value == (A, B, C) {
    Self { (base, ours, theirs) throws(MergeFailure) in
      (
        try a(base: base.map { $0.0 }, ours: ours.0, theirs: theirs.0),
        try b(base: base.map { $0.1 }, ours: ours.1, theirs: theirs.1),
        try c(base: base.map { $0.2 }, ours: ours.2, theirs: theirs.2)
      )
    }
  }

  /// Values by key, each merged for itself; a key that one side removed is gone unless the other side changed its value.
  ///
  /// Without a common ancestor all keys of both are kept.
  public static func map<Key: Comparable & Sendable, Element: Equatable & Sendable>(
    _ element: MergeFunction<Element>, removal: MergeRemoval = .conflicts
  ) -> Self where Value == [Key: Element] {
    let option = MergeFunction<Element?>.option(element, removal: removal)
    return Self { (base, ours, theirs) throws(MergeFailure) in
      let old = try base.value() ?? [:]
      var merged: [Key: Element] = [:]
      for key in Set(ours.keys).union(theirs.keys).sorted() {
        do throws(MergeFailure) {
          merged[key] = try option(base: .some(old[key]), ours: ours[key], theirs: theirs[key])
        } catch {
          guard case .conflict(let reason) = error else { throw error }
          throw .conflict("\(key): \(reason)")
        }
      }
      return merged
    }
  }

  /// A set: what either side added is in, what either side removed is out. Never a conflict; associative.
  public static func set<Element: Sendable>() -> Self where Value == Set<Element> {
    Self { (base, ours, theirs) throws(MergeFailure) in
      let old = try base.value() ?? []
      return ours.intersection(theirs).union(ours.symmetricDifference(theirs).subtracting(old))
    }
  }

  /// How many there are of each: the changes of both sides are added. What both sides took away counts no further than
  /// to none; below that it is associative. More than `Int64.max` of one is a conflict.
  public static func multiset<Element: Sendable>() -> Self where Value == [Element: Int64] {
    Self { (base, ours, theirs) throws(MergeFailure) in
      let old = try base.value() ?? [:]
      var merged: [Element: Int64] = [:]
      for element in Set(ours.keys).union(theirs.keys) {
        let count = try MergeFunction<Int64>.counter(
          base: old[element] ?? 0, ours: ours[element] ?? 0, theirs: theirs[element] ?? 0)
        if count > 0 { merged[element] = count }
      }
      return merged
    }
  }

  /// The value of the later time; of two at one time, the greater. Never a conflict, needs no ancestor, associative.
  public static func lastWriteWins<Stamp: Comparable & Sendable>(
    _ precedes: @escaping @Sendable (Value, Value) -> Bool, at stamp: @escaping @Sendable (Value) -> Stamp
  ) -> Self {
    Self { (_, ours, theirs) in
      let (left, right) = (stamp(ours), stamp(theirs))
      if left != right { return left < right ? theirs : ours }
      return precedes(ours, theirs) ? theirs : ours
    }
  }
}

extension MergeFunction<Int64> {
  /// A number that both sides add to and take from: both changes are made. Associative. Without an ancestor it counts from
  /// 0; a sum outside of `Int64` is a conflict.
  public static var counter: Self {
    Self { (base, ours, theirs) throws(MergeFailure) in
      let old = try base.value() ?? 0
      // The sum is right wherever it fits, also where a step on the way to it does not.
      let sum = Int128(ours) + Int128(theirs) - Int128(old)
      guard let merged = Int64(exactly: sum) else { throw .conflict("the sum of both changes is beyond 64 bits") }
      return merged
    }
  }
}
