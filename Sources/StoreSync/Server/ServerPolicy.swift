public import GitFormat
public import VersionedStore

/// Why a push of one reference is refused.
public struct PushRefusal: Equatable, Sendable {
  /// One line for the report: `ng refs/heads/main <reason>`.
  public var reason: String
  /// What the pusher sees before it, a line each: `lares.toml:12:3: …`.
  public var details: [String]

  public init(_ reason: String, details: [String] = []) {
    self.reason = reason
    self.details = details
  }
}

/// A push on its way in, for those who decide about it.
public struct Push {
  /// What would change, in the order of the request.
  public var changes: [RefChange]
  /// Words that the pusher gave (`git push -o …`).
  public var options: [String]
  /// The repository as it would be, the received objects included.
  public var objects: any ObjectReader
}

/// What a person may do with a repository over the network, and what a push has to pass.
public struct ServerPolicy: Sendable {
  /// Who asks; stands in reflogs.
  public var person: Signature
  /// Whether the person may see a reference. What only others name is not sent, by name or by identifier.
  public var mayRead: @Sendable (RefName) -> Bool = { !$0.text.hasPrefix("refs/lares/") }
  /// Whether the person may change a reference.
  public var mayWrite: @Sendable (RefName) -> Bool = { !$0.text.hasPrefix("refs/lares/") }
  /// Whether a reference may be deleted, or be given a commit that does not come from the one it has. What it had stays
  /// under `refs/lares/undo/`.
  public var mayRewind: @Sendable (RefName) -> Bool = { _ in false }
  /// Looks at a push whose objects are all there and sound, before anything changes. References that are in the answer
  /// are refused.
  public var check: @Sendable (Push) throws(StoreError) -> [RefName: PushRefusal] = { _ in [:] }
  /// What the pusher is told when changes have been stored, a line each.
  public var afterwards: @Sendable ([RefChange]) -> [String] = { _ in [] }
  /// What a push may bring.
  public var limits = ReceiveLimits()
  /// The time for names of undo references and for reflogs, seconds since 1970.
  public var now: @Sendable () -> Int64

  public init(person: Signature, now: @escaping @Sendable () -> Int64) {
    self.person = person
    self.now = now
  }
}

/// How much is taken from others.
public struct ReceiveLimits: Equatable, Sendable {
  /// Bytes of a pack.
  public var packBytes = 4 << 30
  /// Objects of a pack.
  public var objects = 5_000_000
  /// Bytes of one object.
  public var objectBytes = 256 << 20
  /// Deltas of deltas, one below the other.
  public var deltaDepth = 4_096
  /// Bytes that all objects of a pack have together, once unpacked.
  public var unpackedBytes = 64 << 30
  /// Bytes of bases of deltas that wait in memory; more wait in a file.
  public var waitingBytes = 32 << 20
  /// References that one push changes.
  public var references = 10_000

  public init() {}
}
