import GitFormat
import Glibc
import HostSystem
import Synchronization
import VersionedStore

@testable import StoreSync

/// A server of ours on a thread, with a socket for a client.
final class Serving {
  /// The client's end; whoever takes it closes it.
  let client: Int32
  private let thread: Thread
  private let outcome = Outcome()

  private final class Outcome: Sendable { let error = Mutex<StoreError?>(nil) }

  init(_ body: @escaping @Sendable (any ByteStream) throws(StoreError) -> Void) throws {
    let (ours, theirs) = try SocketPair().split()
    client = theirs
    let outcome = outcome
    thread = try Thread {
      let stream = DescriptorStream(socket: Descriptor(owning: ours), idleSeconds: 60)
      do throws(StoreError) { try body(stream) } catch { outcome.error.withLock { $0 = error } }
      stream.close()
    }
  }

  convenience init(
    upload backend: any Backend, _ policy: ServerPolicy = .test, version: ProtocolVersion = .two
  ) throws {
    try self.init { (stream) throws(StoreError) in
      try serveUploadPack(backend, stream, policy, version: version)
    }
  }

  convenience init(
    receive backend: any Backend, _ policy: ServerPolicy = .test, version: ProtocolVersion = .zero
  ) throws {
    try self.init { (stream) throws(StoreError) in
      try serveReceivePack(backend, stream, policy, version: version)
    }
  }

  /// Waits for its end, and gives the error that it ended with.
  @discardableResult
  func wait() -> StoreError? {
    thread.join()
    return outcome.error.withLock { $0 }
  }
}

extension ServerPolicy {
  static var test: ServerPolicy {
    ServerPolicy(person: .init(name: "Ada", email: "ada@home.arpa", time: 0), now: { 1_763_900_000 })
  }
}
