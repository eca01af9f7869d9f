import Glibc
import HostSystem
public import Household
import Synchronization
public import VersionedStore
import Wire

/// How a web server is to be run.
public struct RepositoryServerSettings: Sendable {
  /// Where to listen. Without a certificate these have to be addresses of the machine's own (loopback).
  public var listen: [SocketAddress]
  /// Files in PEM; with them all is by TLS.
  public var certificate: (chain: String, key: String)?
  /// A `PasswordFile`; nil: nobody can log in.
  public var passwords: String?
  public var patience = WebPatience()
  /// So many at once; more wait until one ends.
  public var connections = 128
  /// So many of one address; more are closed.
  public var connectionsOfOneAddress = 96
  /// Told what somebody should know of who runs the server, a line each.
  public var log: @Sendable (String) -> Void = { _ in }

  public init(listen: [SocketAddress]) { self.listen = listen }
}

/// Serves repositories to Git clients over HTTP and HTTPS: a thread a connection, a bounded number of them.
public final class RepositoryServer: Sendable {
  private let settings: RepositoryServerSettings
  private let listeners: [TCPListener]
  private let tls: Mutex<TLSContext?>
  private let service: WebService
  /// A byte in it makes `run` look around.
  private let wake: Pipe
  private let state = Mutex(State())

  private struct State: Sendable {
    var isEnding = false
    var connections: [Int: Connection] = [:]
    var next = 0
  }

  private struct Connection: Sendable {
    let socket: PeerSocket
    let peer: IPAddress
    var isBusy = true
  }

  /// Listens; `run` answers.
  ///
  /// - Throws: `.invalid` for settings that make no sense, `.system` where an address cannot be had.
  public init(_ repositories: ServedRepositories, _ settings: RepositoryServerSettings) throws(StoreError) {
    self.settings = settings
    tls = Mutex(try Self.context(settings))
    if settings.certificate == nil, let open = settings.listen.first(where: { !$0.address.isOwn }) {
      throw .invalid("\(open) can be reached by others: it needs a certificate and a key")
    }
    do throws(SystemError) {
      var listeners: [TCPListener] = []
      for address in settings.listen { listeners.append(try TCPListener(address)) }
      self.listeners = listeners
      wake = try Pipe()
    } catch { throw .system(error) }
    let passwords = settings.passwords.map { path in CachedFile(path) { try PasswordFile(parsing: $0, file: path) } }
    service = WebService(
      repositories: repositories, passwords: passwords, gate: PasswordGate(key: SystemRandomness.bytes(32)),
      log: settings.log)
  }

  private static func context(_ settings: RepositoryServerSettings) throws(StoreError) -> TLSContext? {
    guard let files = settings.certificate else { return nil }
    return try TLSContext(certificate: files.chain, key: files.key)
  }

  /// Where it listens.
  public var addresses: [SocketAddress] { listeners.map(\.address) }

  /// Reads the certificate and the key again, for connections from now on. Where they cannot be used, those of before
  /// stay.
  public func reload() throws(StoreError) {
    let new = try Self.context(settings)
    tls.withLock { $0 = new }
  }

  /// Answers until `stop`; then lets requests that have begun come to their end, for some seconds.
  public func run(graceMilliseconds: Int = 10_000) throws(StoreError) {
    while !isEnding {
      let isFull = state.withLock { $0.connections.count >= settings.connections }
      try waitForSomething(isFull ? [] : listeners.map(\.number))
      for listener in listeners where !isEnding { acceptAll(listener) }
    }
    for listener in listeners { shutdown(listener.number, Int32(SHUT_RDWR)) }
    var left = graceMilliseconds
    while state.withLock({ !$0.connections.isEmpty }) {
      usleep(10_000)
      left -= 10
      if left <= 0 { state.withLock { for connection in $0.connections.values { connection.socket.interrupt() } } }
    }
  }

  /// Ends `run`; from any thread. Connections without a request end at once.
  public func stop() {
    state.withLock { state in
      state.isEnding = true
      for connection in state.connections.values where !connection.isBusy { connection.socket.interrupt() }
    }
    lookAround()
  }

  private var isEnding: Bool { state.withLock(\.isEnding) }

  private func lookAround() {
    var byte: UInt8 = 0
    // A pipe that is full says so too.
    _ = write(wake.writing.number, &byte, 1)
  }

  private func waitForSomething(_ numbers: [Int32]) throws(StoreError) {
    var polled = ([wake.reading.number] + numbers).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    do { try systemCall("waiting for clients") { poll(&polled, nfds_t(polled.count), -1) } } catch {
      throw .system(error)
    }
    guard polled[0].revents != 0 else { return }
    var bytes = [UInt8](repeating: 0, count: 256)
    _ = read(wake.reading.number, &bytes, bytes.count)
  }

  private func acceptAll(_ listener: TCPListener) {
    while state.withLock({ $0.connections.count < settings.connections }) {
      guard let accepted = listener.accept() else { return }
      let peer = accepted.peer.address
      start(accepted.connection(), peer)
    }
  }

  private func start(_ connection: consuming Descriptor, _ peer: IPAddress) {
    let socket = PeerSocket(connection, settings.patience)
    let limit = settings.connectionsOfOneAddress
    let number: Int? = state.withLock { state in
      guard state.connections.values.count(where: { $0.peer == peer }) < limit else { return nil }
      state.next += 1
      state.connections[state.next] = Connection(socket: socket, peer: peer)
      return state.next
    }
    guard let number else { return }
    do throws(StoreError) {
      try Thread { [self] in
        serve(socket, peer, number)
        // Before it is closed, and its number another file's.
        state.withLock { $0.connections[number] = nil }
        socket.close()
        lookAround()
      }.detach()
    } catch {
      settings.log("\(error)")
      state.withLock { $0.connections[number] = nil }
    }
  }

  private func serve(_ socket: PeerSocket, _ peer: IPAddress, _ number: Int) {
    Self.leaveSignalsToOthers()
    do throws(StoreError) {
      if let context = tls.withLock({ $0 }) { try socket.startTLS(context) }
      let connection = WebConnection(
        socket: socket, input: BufferedInput(socket), peer: peer, service: service, isEnding: { self.isEnding },
        setBusy: { isBusy in self.state.withLock { $0.connections[number]?.isBusy = isBusy } })
      try connection.run()
    } catch {
      // Clients come and go, and stall; what concerns a repository has been told by the service.
    }
  }

  /// The process's signals are for its main thread; a TLS write to who has gone is an error, not a signal.
  private static func leaveSignalsToOthers() {
    var signals = sigset_t()
    sigfillset(&signals)
    pthread_sigmask(SIG_BLOCK, &signals, nil)
  }
}

extension IPAddress {
  /// Whether only this machine can reach it (RFC 1122, RFC 4291).
  fileprivate var isOwn: Bool {
    switch self {
    case .v4(let v4): v4.value >> 24 == 127
    case .v6(let v6): v6.high == 0 && v6.low == 1
    }
  }
}
