import CHostSystem
import CNameService
import Glibc
import HostSystem
import Household
import Wire

/// One core of the name service: its sockets, its cache, the questions it owns. Everything of it lives on one thread; others
/// reach it by its mailbox.
final class Worker {
  /// What a worker is started with.
  struct Start: Sendable {
    var core: Int
    /// Wildcard sockets of this core; closed by it.
    var datagramSockets: [Int32]
    var streamSockets: [Int32]
    var cacheEntries: Int
    var secret: HashSecret
    var rules: NameRules
    /// Answers of an earlier run; each core takes those whose questions it owns.
    var inherited: [DumpedAnswer]
    /// Mailboxes of all cores, by number.
    var mailboxes: [Mailbox<WorkerMessage>]
    var daemon: Mailbox<DaemonMessage>
  }

  static let maximumStreams = 256
  /// Of isolated networks together.
  static let maximumIsolatedStreams = maximumStreams / 3
  static let maximumStreamsPerClient = 32

  let core: Int
  let loop: EventLoop
  var hitPath: HitPath
  let writer = AnswerWriter()
  let resolver: Resolver
  let upstream: UpstreamSockets
  var rules: NameRules
  var counters = WorkerCounters()
  var waiting = WaitingList()
  var streams: [ObjectIdentifier: StreamClient] = [:]
  let mailboxes: [Mailbox<WorkerMessage>]
  let daemon: Mailbox<DaemonMessage>
  private let sockets: Sockets
  private var timer: EventLoop.Timer?
  private var timerDeadline: Instant?

  init(_ start: Start) throws(SystemError) {
    sockets = Sockets(datagrams: start.datagramSockets, streams: start.streamSockets)
    core = start.core
    rules = start.rules
    mailboxes = start.mailboxes
    daemon = start.daemon
    loop = try EventLoop()
    guard let path = HitPath(capacity: start.cacheEntries, secret: start.secret, groups: start.rules.groups.view)
    else { throw SystemError("reserving memory for \(start.cacheEntries) answers", code: ENOMEM) }
    hitPath = path
    hitPath.generation = start.rules.generation
    resolver = Resolver(
      rules.resolver, forwards: rules.forwards, policy: rules.answers, randomness: SystemRandomness())
    upstream = UpstreamSockets(loop: loop)
    upstream.onMessage = { [unowned self] attempt, bytes in
      resolver.receive(bytes, attempt: attempt, now: Clock.now)
      carryOut()
    }
    upstream.onFailure = { [unowned self] attempt, failure in
      resolver.attemptFailed(attempt, failure, now: Clock.now)
      carryOut()
    }
    load(start.inherited)
    try watch()
  }

  /// The core's listening sockets: closed also where the core cannot start, so that the kernel gives it no queries.
  private final class Sockets {
    let datagrams: [Int32]
    let streams: [Int32]

    init(datagrams: [Int32], streams: [Int32]) {
      self.datagrams = datagrams
      self.streams = streams
    }

    deinit { for descriptor in datagrams + streams { close(descriptor) } }
  }

  /// Serves until told to stop.
  func run() throws(SystemError) { try loop.run() }

  /// Seconds of the cache's clock. It starts with the machine, but at a month: answers of an earlier run are older.
  static func second(_ now: Instant) -> UInt32 {
    UInt32(truncatingIfNeeded: now.nanoseconds / 1_000_000_000) &+ 2_592_000
  }

  private func watch() throws(SystemError) {
    for socket in sockets.datagrams { try listen(Port(socket)) }
    for socket in sockets.streams { try listenForConnections(Port(socket)) }
    let mailbox = mailboxes[core]
    try loop.watch(mailbox.descriptor) { [unowned self] _ in
      for message in mailbox.take() { handle(message) }
    }
  }

  // MARK: Datagrams

  /// A listening socket, and the event loop's watch on it: of a datagram socket while queries are few, of the other while
  /// there is room for connections.
  private final class Port {
    let socket: Int32
    var watch: EventLoop.Watch?

    init(_ socket: Int32) { self.socket = socket }
  }

  /// Batches handled before other events get their turn.
  private static let batchesPerTurn = 16

  private func listen(_ port: Port) throws(SystemError) {
    port.watch = try loop.watch(port.socket) { [unowned self] _ in serve(port) }
  }

  /// Asks the socket until it has nothing more: in a burst that is cheaper than to ask each time what is ready.
  private func serve(_ port: Port) {
    for _ in 0..<Self.batchesPerTurn {
      let count = Int(lares_batch_receive(hitPath.batch, port.socket))
      guard count > 0 else { return watchAgain(port) }
      hitPath.serve(count, now: Self.second(Clock.now))
      lares_batch_send(hitPath.batch, port.socket)
      if hitPath.missCount > 0 { handleMisses(port.socket) }
    }
    // Queries come without a pause: being told of each one would cost a twentieth of the time.
    port.watch?.cancel()
    port.watch = nil
    loop.schedule(at: Clock.now) { [unowned self] in serve(port) }
  }

  private func watchAgain(_ port: Port) {
    guard port.watch == nil else { return }
    do { try listen(port) } catch {
      // No memory for the watch: the socket is asked now and then.
      loop.schedule(afterMilliseconds: 10) { [unowned self] in serve(port) }
    }
  }

  private func handleMisses(_ socket: Int32) {
    for number in 0..<hitPath.missCount {
      let index = hitPath.miss(number)
      let endpoint = lares_batch_endpoint(hitPath.batch, Int32(index))
      guard let endpoint else { continue }
      handle(
        hitPath.datagram(index), from: senderAddress(endpoint), path: .datagram(socket: socket, endpoint.pointee))
    }
  }

  // MARK: Connections

  private func listenForConnections(_ port: Port) throws(SystemError) {
    port.watch = try loop.watch(port.socket) { [unowned self] _ in accept(port) }
  }

  private func accept(_ port: Port) {
    while true {
      let descriptor = lares_accept(port.socket)
      guard descriptor >= 0 else {
        if AttemptFailure(code: errno) == .shortage { pause(port) }
        return
      }
      admit(Descriptor(owning: descriptor))
    }
  }

  /// Lets connections wait while this machine has no descriptor for them: the socket would be ready all the time.
  private func pause(_ port: Port) {
    port.watch?.cancel()
    port.watch = nil
    loop.schedule(afterMilliseconds: 100) { [unowned self] in
      do { try listenForConnections(port) } catch { pause(port) }
    }
  }

  /// Serves a connection, or closes it.
  private func admit(_ connection: consuming Descriptor) {
    guard let address = peerAddress(of: connection.number), streams.count < Self.maximumStreams,
      streams.values.count(where: { $0.address == address }) < Self.maximumStreamsPerClient,
      let group = rules.groups.view.group(of: address),
      !group.isIsolated || isolatedStreamCount < Self.maximumIsolatedStreams
    else { return }
    let client = try? StreamClient(connection, address: address, loop: loop) { [unowned self] client, message in
      handle(message, from: client.address, path: .stream(client))
    }
    guard let client else { return }
    counters.streams += 1
    if streams.isEmpty { sweepLater() }
    streams[ObjectIdentifier(client)] = client
  }

  private var isolatedStreamCount: Int {
    streams.values.count { rules.groups.view.group(of: $0.address)?.isIsolated ?? true }
  }

  /// Looks after idle connections once a second while there are any.
  private func sweepLater() {
    loop.schedule(afterMilliseconds: 1_000) { [unowned self] in
      let now = Clock.now
      for (key, client) in streams where !client.isOpen || client.deadline < now && client.outstanding == 0 {
        client.close()
        streams[key] = nil
      }
      if !streams.isEmpty { sweepLater() }
    }
  }

  // MARK: Resolver

  /// Does what the resolver wants done, until it wants nothing more.
  func carryOut() {
    while true {
      let effects = resolver.takeEffects()
      if effects.isEmpty { break }
      for effect in effects {
        switch effect {
        case .send(let attempt, let server, let bytes): upstream.send(bytes, to: server, attempt: attempt)
        case .connect(let attempt, let server, let bytes): upstream.connect(bytes, to: server, attempt: attempt)
        case .close(let attempt): upstream.end(attempt)
        case .answer(let question, let outcome, let waiters): hand(outcome, of: question, to: waiters)
        }
      }
    }
    scheduleResolver()
  }

  private func scheduleResolver() {
    guard let deadline = resolver.nextDeadline else { return }
    if let timerDeadline, timerDeadline <= deadline { return }
    timer?.cancel()
    timerDeadline = deadline
    timer = loop.schedule(at: deadline) { [unowned self] in
      timerDeadline = nil
      resolver.advance(Clock.now)
      carryOut()
    }
  }

  // MARK: Mail

  private func handle(_ message: WorkerMessage) {
    switch message {
    case .question(let question, let hash, let waiter, let generation):
      own(question, hash: hash, waiter, generation: generation)
    case .outcome(let ticket, let outcome, let generation): deliver(outcome, to: ticket, generation: generation)
    case .rules(let rules): take(rules)
    case .report: daemon.post(.counters(core: core, currentCounters))
    case .dump: daemon.post(.dump(core: core, dump()))
    case .stop:
      daemon.post(.dump(core: core, dump()))
      daemon.post(.stopped(core: core))
      for client in streams.values { client.close() }
      loop.stop()
    }
  }

  private var currentCounters: WorkerCounters {
    var counters = self.counters
    counters.hitPath = hitPath.counters
    counters.resolver = resolver.counters
    counters.entries = hitPath.cache.count
    counters.evictions = hitPath.cache.evictions
    return counters
  }

  private func take(_ new: NameRules) {
    let old = rules
    rules = new
    hitPath.generation = new.generation
    hitPath.groups = new.groups.view
    resolver.configure(new.resolver, forwards: new.forwards, policy: new.answers)
    guard old.forwards.zones != new.forwards.zones else { return }
    // What other servers said of a zone that has servers of its own now, or no longer, says nothing.
    let changed = (old.forwards.zones + new.forwards.zones).filter {
      !(old.forwards.zones.contains($0) && new.forwards.zones.contains($0))
    }
    hitPath.cache.removeAll { name in
      guard let name = DomainName(wire: name) else { return true }
      return changed.contains { name.isWithin($0.domain) }
    }
  }
}
