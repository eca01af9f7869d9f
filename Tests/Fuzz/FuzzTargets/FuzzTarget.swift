/// One reader of bytes that strangers write, with what must hold whatever they write.
///
/// `make fuzz` runs each under libFuzzer; a test runs each over its committed corpus, Tests/Fuzz/NAME/corpus.
public struct FuzzTarget: Sendable {
  public let name: String
  private let body: @Sendable ([UInt8]) throws -> Void

  init(_ name: String, _ body: @escaping @Sendable ([UInt8]) throws -> Void) {
    self.name = name
    self.body = body
  }

  /// Feeds the reader. Throws where a promise does not hold; a trap ends the process.
  public func check(_ bytes: [UInt8]) throws { try body(bytes) }

  /// All targets, each under a name of its own.
  public static let all =
    [
      blockList, chunkPointer, dhcpClient, dhcpServer, ethernet, delta, gitObject, gitRef, gitTree, http, httpBody,
      packEntry, packIndex, storeRights, toml, zlib,
    ] + inside

  // A plain release build cannot see into the modules; `make fuzz` says FUZZING and -enable-testing.
  #if DEBUG || FUZZING
    private static let inside =
      [
        dns, facts, firewall, gitAddress, gitAnswer, gitBundle, gitFetch, gitPush, netlink, packFile, treeCursor,
        webRequest,
      ]
  #else
    private static let inside: [FuzzTarget] = []
  #endif
}

/// What did not hold of an input.
public struct BrokenPromise: Error, CustomStringConvertible {
  public let description: String
}

/// Throws the promise, a sentence, where it does not hold.
func promise(_ holds: Bool, _ sentence: @autoclosure () -> String) throws(BrokenPromise) {
  if !holds { throw BrokenPromise(description: sentence()) }
}
