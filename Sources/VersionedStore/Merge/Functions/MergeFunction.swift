/// Why two versions did not become one.
public enum MergeFailure: Error, Equatable, Sendable {
  /// Both sides changed the same thing; the text says what, for people: `both sides set colour`.
  case conflict(String)
  /// A version could not be read.
  case store(StoreError)
}

extension MergeFailure: CustomStringConvertible {
  public var description: String {
    switch self {
    case .conflict(let reason): reason
    case .store(let error): error.description
    }
  }
}

/// The common ancestor of two versions, read when a merge function first asks for it.
public final class LazyBase<Value> {
  private enum State {
    case unread(() throws(MergeFailure) -> Value?)
    case read(Result<Value?, MergeFailure>)
  }
  private var state: State

  public init(_ read: @escaping () throws(MergeFailure) -> Value?) { state = .unread(read) }
  /// nil: the two versions have no ancestor in common.
  public init(_ value: Value?) { state = .read(.success(value)) }

  /// The ancestor; nil where there is none.
  public func value() throws(MergeFailure) -> Value? {
    switch state {
    case .read(let result): return try result.get()
    case .unread(let read):
      let result = Result { () throws(MergeFailure) in try read() }
      state = .read(result)
      return try result.get()
    }
  }

  /// A part or another form of the ancestor.
  public func map<Other>(_ transform: @escaping (Value) throws(MergeFailure) -> Other?) -> LazyBase<Other> {
    LazyBase<Other> { () throws(MergeFailure) in
      guard let value = try self.value() else { return nil }
      return try transform(value)
    }
  }
}

/// Makes one version of two, knowing the version that both began from: a value, so that merges of large things are put
/// together from merges of small ones (Farinier, Gazagnaire and Madhavapeddy, "Mergeable persistent data structures",
/// JFLA 2015).
///
/// Every function here promises, unless it says otherwise: with the base on one side it gives the other side; sides
/// exchanged give the same value or a conflict on both.
public struct MergeFunction<Value: Sendable>: Sendable {
  public typealias Body = @Sendable (LazyBase<Value>, Value, Value) throws(MergeFailure) -> Value

  private let body: Body

  public init(_ body: @escaping Body) { self.body = body }

  public func callAsFunction(
    base: LazyBase<Value>, ours: Value, theirs: Value
  ) throws(MergeFailure) -> Value {
    try body(base, ours, theirs)
  }

  /// The same where the ancestor is at hand.
  public func callAsFunction(base: Value?, ours: Value, theirs: Value) throws(MergeFailure) -> Value {
    try body(LazyBase(base), ours, theirs)
  }
}
