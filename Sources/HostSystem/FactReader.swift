import Glibc
public import Household

/// Follows a kind of facts that another process writes. Keeps the last copy while the writer is away.
public final class FactReader<Value: Codable & Sendable & Equatable> {
  public let kind: FactKind<Value>
  /// The last known facts by key.
  public var values: [String: Value] { contents.values }
  /// Called after changes, with the keys that were set, changed or removed.
  public var onChange: ((Set<String>) -> Void)?
  /// Whether the writer is there now.
  public var isConnected: Bool { stream != nil }

  private var contents = FactFiles.Contents<Value>()
  private let files: FactFiles
  private let loop: EventLoop
  private var stream: StreamSocket?
  private var retry: EventLoop.Timer?

  /// Milliseconds between attempts to reach a writer that is away.
  private static var retryMilliseconds: Int64 { 100 }

  /// Reads what is there now. Follows changes from the next turn of the loop on.
  public init(_ kind: FactKind<Value>, in folders: Folders, loop: EventLoop) {
    self.kind = kind
    self.loop = loop
    files = FactFiles(folder: folders.facts(kind))
    contents = (try? files.read(Value.self)) ?? contents
    retry = loop.schedule(afterMilliseconds: 0) { [weak self] in self?.connect() }
  }

  /// Stops following.
  public func close() {
    retry?.cancel()
    stream?.close()
    stream = nil
    onChange = nil
  }

  /// Reads once, without a loop: for a command that prints and ends.
  public static func readOnce(_ kind: FactKind<Value>, in folders: Folders) throws(SystemError) -> [String: Value] {
    try FactFiles(folder: folders.facts(kind)).read(Value.self).values
  }

  private func connect() {
    guard let stream = try? StreamSocket(connectingTo: files.socket, kind: .sequencedPackets, loop: loop) else {
      retry = loop.schedule(afterMilliseconds: Self.retryMilliseconds) { [weak self] in self?.connect() }
      return
    }
    self.stream = stream
    // The writer greets each connection, so what changed since the last read is read then.
    stream.onReadable = { [weak self, weak stream] in
      guard let self, let stream else { return }
      var isClosed = false
      reading: while true {
        switch stream.read(limit: 64) {
        case .bytes: continue
        case .wouldBlock: break reading
        case .closed:
          isClosed = true
          break reading
        }
      }
      refresh()
      if isClosed {
        stream.close()
        self.stream = nil
        connect()
      }
    }
  }

  private func refresh() {
    let before = contents.values
    contents.touched = []
    do {
      if try !files.readMore(into: &contents) { contents = try files.read(Value.self) }
    } catch {
      // The last copy serves until the files can be read again.
      return
    }
    let gone = contents.values.count < before.count ? before.keys.filter { contents.values[$0] == nil } : []
    let changed = contents.touched.union(gone).filter { contents.values[$0] != before[$0] }
    if !changed.isEmpty { onChange?(changed) }
  }
}
