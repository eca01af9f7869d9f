/// What a collection takes away.
public struct CollectOptions: Sendable {
  /// Objects that nothing reaches stay so long after they were last written, in seconds: somebody may be about to refer
  /// to them. 0 takes what nothing reaches now.
  public var graceSeconds: Int64 = 14 * 86_400
  /// The time that ages count from, in seconds since 1970.
  public var now: Int64
  /// As small as it gets, however long that takes (`git gc --aggressive`).
  public var aggressive = false
  /// Which entries of reflogs go first; nil: none.
  public var reflogs: ReflogExpiry? = ReflogExpiry()

  public init(now: Int64) { self.now = now }
}

/// How long reflogs are (git-gc, `gc.reflogExpire`).
public struct ReflogExpiry: Sendable {
  /// The age at which entries go, in seconds.
  public var seconds: Int64 = 90 * 86_400
  /// The age at which entries go that the reference does not reach any more.
  public var unreachableSeconds: Int64 = 30 * 86_400

  public init() {}
}

/// What a collection did.
public struct CollectResult: Equatable, Sendable {
  /// Objects that something reaches, and that are in the new pack.
  public var reachable = 0
  /// Objects that nothing reaches and that are kept for the grace time.
  public var young = 0
  /// Objects that are no more.
  public var dropped = 0
  /// Entries that left the reflogs.
  public var expiredEntries = 0
  /// Old files stay until the next collection, for somebody was about to use what would have been dropped.
  public var isPostponed = false

  public init() {}
}
