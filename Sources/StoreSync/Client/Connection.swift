import Glibc
import HostSystem
import Synchronization
import VersionedStore

/// A conversation with one service of a remote.
protocol Connection: AnyObject {
  /// Whether the server forgets after each answer, as over HTTP.
  var isStateless: Bool { get }
  /// What the server says first.
  func greeting() throws(StoreError) -> PacketReader
  /// The next request.
  func request() throws(StoreError) -> any Exchange
  /// Ends the conversation.
  func close()
  /// What is known of why the connection ended early.
  var failure: String? { get }
}

/// A request being written, and its answer.
protocol Exchange: ByteSink {
  /// Ends the request. Nothing is written afterwards.
  func answer() throws(StoreError) -> PacketReader
}

/// One stream for the whole conversation.
final class StreamConnection: Connection, Exchange {
  private let stream: any ByteStream
  private let packets: PacketReader
  private let end: () -> String?
  private var ending: String??

  /// - Parameter end: called when the stream is closed; waits for the other side, and tells what it complained of.
  init(_ stream: any ByteStream, end: @escaping () -> String?) {
    self.stream = stream
    packets = PacketReader(stream)
    self.end = end
  }

  var isStateless: Bool { false }
  func greeting() throws(StoreError) -> PacketReader { packets }
  func request() throws(StoreError) -> any Exchange { self }
  func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) { try stream.write(bytes) }
  func answer() throws(StoreError) -> PacketReader { packets }

  func close() { _ = failure }

  var failure: String? {
    if let ending { return ending }
    stream.close()
    let found = end()
    ending = .some(found)
    return found
  }

  deinit { close() }
}

extension Remote {
  /// Begins a conversation.
  func connect(_ service: Service, _ options: RemoteOptions) throws(StoreError) -> any Connection {
    switch self {
    case .backend(let backend, let policy): try Self.local(backend, policy, service, options)
    case .path(let path):
      try Self.child(options.gitCommand + [String(service.rawValue.dropFirst(4)), path], options)
    case .ssh(let address): try Self.child(Self.sshArguments(address, service, options), options)
    case .http(let url): try HTTPConnection(url, service, options)
    }
  }

  /// What `ssh` is started with. The other side's shell reads the last word.
  static func sshArguments(_ address: SSHAddress, _ service: Service, _ options: RemoteOptions) -> [String] {
    options.sshCommand + ["-o", "SendEnv=GIT_PROTOCOL"] + (address.port.map { ["-p", "\($0)"] } ?? [])
      + [address.destination, "\(service.rawValue) \(shellQuoted(address.path))"]
  }

  /// One word for any shell (as sq_quote_buf in Git).
  static func shellQuoted(_ text: String) -> String {
    var quoted = "'"
    for character in text {
      if character == "'" || character == "!" { quoted += "'\\\(character)'" } else { quoted.append(character) }
    }
    return quoted + "'"
  }

  private static func local(
    _ backend: any Backend, _ policy: ServerPolicy, _ service: Service, _ options: RemoteOptions
  ) throws(StoreError) -> any Connection {
    let (ours, theirs) = try SocketPair().split()
    let version = options.version
    let idleSeconds = options.idleSeconds
    let thread = try Thread {
      let stream = DescriptorStream(socket: Descriptor(owning: theirs), idleSeconds: idleSeconds)
      // The client has been told of an error by the protocol itself.
      do throws(StoreError) {
        switch service {
        case .uploadPack: try serveUploadPack(backend, stream, policy, version: version)
        case .receivePack: try serveReceivePack(backend, stream, policy, version: version)
        }
      } catch {}
      stream.close()
    }
    return StreamConnection(DescriptorStream(socket: Descriptor(owning: ours), idleSeconds: idleSeconds)) {
      thread.join()
      return nil
    }
  }

  private static func child(_ arguments: [String], _ options: RemoteOptions) throws(StoreError) -> any Connection {
    let (ours, theirs) = try SocketPair().split()
    let stream = DescriptorStream(socket: Descriptor(owning: ours), idleSeconds: options.idleSeconds)
    let child: ChildProcess
    let complaints: Complaints
    do throws(SystemError) {
      let other = Descriptor(owning: theirs)
      let pipe = try Pipe()
      child = try ChildProcess(
        arguments, environment: environment(options.version),
        descriptors: [other.number, other.number, pipe.writing.number])
      complaints = Complaints(pipe.keepingReading().release())
    } catch {
      throw .system(error)
    }
    let listener = try Thread { complaints.listen() }
    return StreamConnection(stream) {
      listener.join()
      guard let ending = try? child.wait(), ending != .exited(0) else { return nil }
      let said = complaints.text
      return said.isEmpty ? "\(arguments[0]) ended: \(ending)" : said
    }
  }

  /// This process's environment, with what is asked of the server.
  private static func environment(_ version: ProtocolVersion) -> [String: String] {
    var variables: [String: String] = [:]
    var pointer = environ
    while let entry = pointer.pointee {
      let text = String(cString: entry)
      if let equals = text.firstIndex(of: "=") {
        variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
      }
      pointer += 1
    }
    variables["GIT_PROTOCOL"] = version == .zero ? nil : "version=\(version.rawValue)"
    return variables
  }
}

/// What a program writes to its standard error, the last of it.
private final class Complaints: Sendable {
  private let number: Int32
  private let bytes = Mutex<[UInt8]>([])

  init(_ number: Int32) { self.number = number }

  /// Reads until the program has ended.
  func listen() {
    let descriptor = Descriptor(owning: number)
    var piece = [UInt8](repeating: 0, count: 1_024)
    while true {
      let count = (try? systemCall("reading") { read(descriptor.number, &piece, piece.count) }) ?? 0
      guard count > 0 else { return }
      bytes.withLock { bytes in
        bytes.append(contentsOf: piece[..<count])
        if bytes.count > 4_096 { bytes.removeFirst(bytes.count - 4_096) }
      }
    }
  }

  var text: String {
    bytes.withLock { bytes in
      bytes.split(separator: UInt8(ascii: "\n")).map { Text.readable($0) }.joined(separator: "; ")
    }
  }
}
