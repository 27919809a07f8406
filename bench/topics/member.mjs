/** A process with one member of ours, which publishes on a topic, or subscribes to it. */
import { answer } from "../talk/child.mjs";
import { topicMember } from "./topic-member.mjs";

answer(topicMember("bench.topic").answers);
