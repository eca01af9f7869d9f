import Glibc
import TestSupport

/// libnftables in this process: the library of nft(8), opened at run time, so that building needs nothing of it.
final class Peer: Contestant {
  private typealias New = @convention(c) (UInt32) -> OpaquePointer?
  private typealias Run = @convention(c) (OpaquePointer, UnsafePointer<CChar>) -> Int32
  private typealias BufferErrors = @convention(c) (OpaquePointer) -> Int32
  private typealias Errors = @convention(c) (OpaquePointer) -> UnsafePointer<CChar>?

  private let namespace: NetworkNamespace
  private let context: OpaquePointer
  private let run: Run
  private let errors: Errors
  private let text: String
  private var isThere = false

  /// - Parameter text: The whole ruleset in the language of nft(8).
  init(_ text: String) throws {
    self.text = text
    let namespace = try NetworkNamespace()
    self.namespace = namespace
    guard let library = dlopen("libnftables.so.1", RTLD_NOW) else {
      throw PeerFailure(message: "libnftables.so.1 is not there: install libnftables1")
    }
    let new = try Self.symbol("nft_ctx_new", of: library, as: New.self)
    run = try Self.symbol("nft_run_cmd_from_buffer", of: library, as: Run.self)
    errors = try Self.symbol("nft_ctx_get_error_buffer", of: library, as: Errors.self)
    guard let context = try namespace.run({ new(0) }) else { throw PeerFailure(message: "nft_ctx_new failed") }
    self.context = context
    _ = try Self.symbol("nft_ctx_buffer_error", of: library, as: BufferErrors.self)(context)
    try command(text)
  }

  var listing: String { get throws { try namespace.shell("nft -s -t list ruleset") } }

  func prepare(_ what: String) throws {
    if what == "from-scratch" { try command("delete table inet lares") }
  }

  func perform(_ what: String) throws {
    if what == "from-scratch" { return try command(text) }
    let verb = isThere ? "delete" : "add"
    try command("\(verb) element inet lares list.bad.4 { \(Home.changing) }")
    isThere.toggle()
  }

  private func command(_ text: String) throws {
    guard run(context, text) == 0 else {
      throw PeerFailure(message: errors(context).map { String(cString: $0) } ?? "no reason given")
    }
  }

  private static func symbol<Function>(
    _ name: String, of library: UnsafeMutableRawPointer, as _: Function.Type
  ) throws -> Function {
    guard let address = dlsym(library, name) else { throw PeerFailure(message: "libnftables has no \(name)") }
    return unsafeBitCast(address, to: Function.self)
  }
}

/// What libnftables complained about.
struct PeerFailure: Error {
  var message: String
}
