# The base of the engines that run on Java: Debian 12, the last Debian with Java 17, and a runtime of the modules
# that Cassandra and Neo4j load, linked and thrown together in one layer: 115 MB, a whole JRE would be 300.
FROM dbfleet-test/base:bookworm

# The JDK's packages are only unpacked: installed, they bring fonts, printing and sound.
# Without jdk.naming.rmi nodetool finds no server; jdk.localedata and jdk.charsets are what Cypher and CQL sort and read
# text with. -Xshare:dump writes the archive of loaded classes that takes half a second off each start of a JVM.
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get update \
 && apt-get install -y --no-install-recommends procps tini wget zlib1g \
 && cd /tmp && apt-get download openjdk-17-jdk-headless openjdk-17-jre-headless \
 && for package in *.deb; do dpkg-deb -x "$package" /; done \
 && /usr/lib/jvm/java-17-openjdk-*/bin/jlink --output /opt/java/openjdk --strip-java-debug-attributes --no-header-files --no-man-pages --add-modules \
java.base,java.compiler,java.desktop,java.instrument,java.logging,java.management,java.management.rmi,java.naming,\
java.net.http,java.rmi,java.scripting,java.security.jgss,java.security.sasl,java.sql,java.transaction.xa,java.xml,\
jdk.attach,jdk.charsets,jdk.compiler,jdk.crypto.cryptoki,jdk.crypto.ec,jdk.jfr,jdk.localedata,jdk.management,\
jdk.management.agent,jdk.management.jfr,jdk.naming.dns,jdk.naming.rmi,jdk.net,jdk.unsupported,jdk.zipfs \
 && rm -rf /tmp/*.deb /usr/lib/jvm /etc/java-17-openjdk && apt-get clean && rm -rf /var/lib/apt/lists/* \
 && /opt/java/openjdk/bin/java -Xshare:dump -Xlog:disable -Xlog:all=error:stderr

ENV JAVA_HOME=/opt/java/openjdk PATH=/opt/java/openjdk/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8
