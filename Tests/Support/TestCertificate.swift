import Glibc
import HostSystem

/// Certificates for a server at 127.0.0.1.
public enum TestCertificate {
  /// An authority of our own, and what it says of 127.0.0.1.
  ///
  /// Leaves `authority.pem`, `server.pem` and `server.key` in the folder.
  public static func make(in folder: String) throws {
    let null = try Descriptor(opening: "/dev/null", O_RDWR)
    func openssl(_ arguments: String) throws {
      let child = try ChildProcess(
        ["openssl"] + arguments.split(separator: " ").map(String.init),
        environment: ["PATH": getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"],
        descriptors: [null.number, null.number, null.number])
      guard try child.wait() == .exited(0) else { throw SystemError("openssl \(arguments)", code: EIO) }
    }
    let curve = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    try openssl(
      "req -x509 \(curve) -keyout \(folder)/authority.key -out \(folder)/authority.pem -days 2 -subj /CN=authority")
    try openssl(
      "req \(curve) -keyout \(folder)/server.key -out \(folder)/server.csr -subj /CN=server -addext subjectAltName=IP:127.0.0.1"
    )
    try openssl(
      "x509 -req -in \(folder)/server.csr -CA \(folder)/authority.pem -CAkey \(folder)/authority.key -CAcreateserial "
        + "-copy_extensions copy -days 1 -out \(folder)/server.pem")
  }
}
