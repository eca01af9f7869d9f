import ArgumentParser
import GitFormat
import HostSystem
import VersionedStore

/// How a list is printed: a line for each entry, or for programs.
struct ListOptions: ParsableArguments {
  @Flag(help: "Print one JSON object a line.")
  var json = false
  @Flag(
    name: [.customShort("z"), .customLong("null")],
    help: "End entries with a zero byte instead of a newline, and quote no names.")
  var null = false

  func validate() throws {
    if json, null { throw ValidationError("--json and --null exclude each other") }
  }

  /// A name with the end that was asked for, and what stands before and behind it.
  func entry(_ name: [UInt8], before: String = "", behind: String = "", to output: Output) throws {
    try output.write(before.utf8)
    try output.write(null ? name : Words.quoted(name))
    try output.write(behind.utf8)
    try output.write(CollectionOfOne(null ? 0 : UInt8(ascii: "\n")))
  }
}

extension Output {
  func json(_ value: some Encodable) throws {
    try write(JSON.encode(value))
    try write("\n".utf8)
  }
}
