// What the daemon says in English about a switch: what is wrong, and what cannot be seen.
// A phrase that has no translation stays as it is.
import { language } from './index.svelte';

const chinese: [english: string, chinese: string][] = [
  ['the event socket refuses the password', '事件套接字拒绝了该密码'],
  ["the event socket's access list (apply-inbound-acl) refuses this address", '事件套接字的访问列表（apply-inbound-acl）拒绝了本机地址'],
  ['what answers is not a FreeSWITCH event socket', '应答的不是 FreeSWITCH 事件套接字'],
  ['mod_callcenter is not loaded', '未加载 mod_callcenter'],
  ['nothing was received, not even heartbeats', '没有收到任何数据，连心跳也没有'],
  ['the switch closed the connection', '交换机关闭了连接'],
  ['ARI refuses the user name or password', 'ARI 拒绝了用户名或密码'],
  ["what answers is not Asterisk's ARI, or ARI is not enabled (http.conf, ari.conf)", '应答的不是 Asterisk 的 ARI，或 ARI 未启用（http.conf、ari.conf）'],
  ['another client took over the application name', '另一个客户端占用了该应用名'],
  ['the switch was restarted while attaching', '接入过程中交换机重启了'],
  ['nothing was received, not even answers to pings', '没有收到任何数据，连 ping 也没有应答'],
  ['the manager interface refuses the user name or password', '管理接口（AMI）拒绝了用户名或密码'],
  ["what answers is not Asterisk's manager interface", '应答的不是 Asterisk 的管理接口（AMI）'],
  ['connection refused', '连接被拒绝'],
  ['no such host', '找不到该主机'],
  ['i/o timeout', '连接超时'],
  ['unique ids of one switch among several: systemname is not set in asterisk.conf', '多台交换机之间唯一的通话编号：asterisk.conf 未设置 systemname'],
  [
    'reasons of pauses that the dialplan does not give, and their changes; members added or removed by other means than the dialplan; ',
    '拨号方案没有给出的示忙原因及其变化；不经拨号方案增减的队列成员；',
  ],
  ["members' names and wrap-up times", '队列成员的姓名和话后处理时长'],
  ['no manager interface (ami) is configured', '未配置管理接口（AMI）'],
  ['the manager interface is not connected', '管理接口（AMI）未连接'],
];

export interface Said {
  text: string;
  /** The language of it; undefined for that of the page. */
  lang: 'en' | undefined;
}

/** Such a text in the page's language, as far as it can be said. */
export function said(text: string): Said {
  if (language.current !== 'zh') return { text, lang: undefined };
  const out = chinese.reduce((s, [english, word]) => s.replace(english, word), text);
  return { text: out, lang: out === text ? 'en' : undefined };
}
